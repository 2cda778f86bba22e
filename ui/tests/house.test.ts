// Rules of the house that can be tests.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const GENERATED = /\/(paraglide|bindings)\//;

function sources(folder = "src"): { path: string; text: string }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /\.(ts|svelte|css)$/.test(path) && !GENERATED.test(path) && !path.includes(".test."))
    .map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

const offenders = (breaks: (path: string, text: string) => boolean) =>
  sources()
    .filter(({ path, text }) => breaks(path, text))
    .map(({ path }) => path);

it("only tauri.ts imports Tauri", () => {
  expect(offenders((path, text) => text.includes("@tauri-apps") && path !== "src/lib/ipc/tauri.ts")).toEqual([]);
});

it("no HTML is injected anywhere", () => {
  expect(offenders((_, text) => /\{@html|innerHTML|insertAdjacentHTML|document\.write/.test(text))).toEqual([]);
});

it("no style attribute stands in the markup: the content policy refuses it", () => {
  expect(offenders((path, text) => path.endsWith(".svelte") && /\sstyle="/.test(text))).toEqual([]);
});

it("colours live in tokens.css alone", () => {
  const colour = /#[0-9a-f]{3,8}\b(?=[;\s)])|\b(rgb|hsl|oklch|oklab)a?\(/i;
  const styles = (path: string, text: string) =>
    path.endsWith(".svelte") ? (text.match(/<style>[\s\S]*<\/style>/)?.[0] ?? "") : path.endsWith(".css") ? text : "";
  expect(offenders((path, text) => path !== "src/styles/tokens.css" && colour.test(styles(path, text)))).toEqual([]);
});

it("shared components know nothing of chat", () => {
  const chat = /lib\/(ipc|rooms|timeline|session|composer|presence)\//;
  expect(offenders((path, text) => path.startsWith("src/components/shared/") && chat.test(text))).toEqual([]);
});

it("only the browser's backend and its parts open sockets or keep sessions", () => {
  const wire = /new WebSocket\(|hearth\.session/;
  expect(offenders((path, text) => wire.test(text) && !path.startsWith("src/lib/ipc/web"))).toEqual([]);
});

it("every language says everything, with the same places to fill", () => {
  const read = (locale: string) =>
    JSON.parse(readFileSync(`messages/${locale}.json`, "utf8")) as Record<string, string>;
  const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  const english = read("en");
  for (const locale of ["fr", "zh-Hans", "zh-Hant"]) {
    const other = read(locale);
    expect(Object.keys(other).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) {
      expect(places(other[key] ?? ""), `${locale} ${key}`).toEqual(places(text));
    }
  }
});

it("every message is used", () => {
  const all = sources()
    .map(({ text }) => text)
    .join("\n");
  const keys = Object.keys(JSON.parse(readFileSync("messages/en.json", "utf8"))).filter((key) => !key.startsWith("$"));
  expect(keys.filter((key) => !new RegExp(`\\bm\\.${key}\\b`).test(all))).toEqual([]);
});
