import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    // Tests compile the messages beforehand: the plugin's watchers would keep the test run from ending.
    ...(process.env.VITEST
      ? []
      : [
          paraglideVitePlugin({
            project: "./project.inlang",
            outdir: "./src/lib/i18n/paraglide",
            strategy: ["globalVariable", "baseLocale"],
            emitTsDeclarations: true,
          }),
        ]),
    svelte(),
    svelteTesting(),
  ],
  // The page is also served at /join/<host id>, so its parts are named from the root.
  base: "/",
  build: {
    target: ["safari16.4", "chrome111", "firefox114"],
    modulePreload: { polyfill: false },
    // Everything is a file: the content policy allows no inline data.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: { port: 1420, strictPort: true },
  clearScreen: false,
  test: {
    environment: "happy-dom",
    setupFiles: ["./tests/setup.ts"],
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 30_000,
  },
});
