// Proves that the type check still bites: a component with a deliberate type error must be refused.
// Without it, a checker that silently sees nothing would pass for ever.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = mkdtempSync(join(process.cwd(), "canary-"));
try {
  writeFileSync(
    join(folder, "Canary.svelte"),
    '<script lang="ts">\n  const wings: number = "two";\n</script>\n\n{wings}\n',
  );
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../tsconfig.json", include: ["Canary.svelte"] }),
  );
  const check = spawnSync(
    "npx",
    ["svelte-check", "--workspace", folder, "--tsconfig", join(folder, "tsconfig.json"), "--output", "machine"],
    { encoding: "utf8" },
  );
  if (check.status === 0 || !check.stdout.includes("not assignable")) {
    console.error(`the type check let a deliberate type error pass:\n${check.stdout}${check.stderr}`);
    process.exitCode = 1;
  } else {
    console.log("the type check refuses a deliberate type error");
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
