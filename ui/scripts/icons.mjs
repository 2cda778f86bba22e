// Makes every icon from the one drawing: the page's own, and the sizes that packages need.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const WANTED = ["32x32.png", "64x64.png", "128x128.png", "128x128@2x.png", "icon.png", "icon.ico", "icon.icns"];
const icons = resolve("../icons");
const drawing = join(icons, "hearth.svg");
const made = mkdtempSync(join(tmpdir(), "hearth-icons-"));
try {
  const run = spawnSync("npx", ["tauri", "icon", drawing, "--output", made], { stdio: "inherit" });
  if (run.status !== 0) {
    process.exitCode = run.status ?? 1;
  } else {
    for (const name of WANTED) {
      copyFileSync(join(made, name), join(icons, name));
    }
    copyFileSync(drawing, resolve("public/icon.svg"));
  }
} finally {
  rmSync(made, { recursive: true, force: true });
}
