// Code in colours, when it comes to it: the highlighter and each language are fetched at first use. Its regular
// expressions run in JavaScript (no WebAssembly, which the content policy forbids), and it gives pieces, never HTML.

import type { HighlighterCore } from "shiki/core";

export interface Piece {
  readonly text: string;
  readonly tone: "plain" | "word" | "text" | "name" | "note";
}

/** Larger blocks stay plain: colouring them would hold up reading. */
const MOST_CHARS = 20_000;

const LANGUAGES: Record<string, () => Promise<unknown>> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  toml: () => import("shiki/langs/toml.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

const OTHER_NAMES: Record<string, string> = {
  // The grammar of C++ alone weighs as much as everything else together; that of C colours most of it.
  "c++": "c",
  cpp: "c",
  h: "c",
  js: "javascript",
  patch: "diff",
  py: "python",
  rs: "rust",
  sh: "bash",
  shell: "bash",
  ts: "typescript",
  yml: "yaml",
};

let core: Promise<HighlighterCore> | null = null;

/** The lines of `code` in pieces, or null when it stays plain. */
export async function highlight(code: string, language: string): Promise<Piece[][] | null> {
  const wanted = language.toLowerCase();
  const name = OTHER_NAMES[wanted] ?? wanted;
  const load = LANGUAGES[name];
  if (!load || code.length > MOST_CHARS) {
    return null;
  }
  try {
    core ??= start();
    const shiki = await core;
    await shiki.loadLanguage(load as never);
    const { tokens } = shiki.codeToTokens(code, { lang: name, theme: "tones" });
    return tokens.map((line) => line.map((token) => ({ text: token.content, tone: toneOf(token.color ?? "") })));
  } catch {
    return null;
  }
}

async function start(): Promise<HighlighterCore> {
  const [{ createHighlighterCore, createCssVariablesTheme }, { createJavaScriptRegexEngine }] = await Promise.all([
    import("shiki/core"),
    import("shiki/engine/javascript"),
  ]);
  return createHighlighterCore({
    themes: [createCssVariablesTheme({ name: "tones", variablePrefix: "--", fontStyle: false })],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
}

function toneOf(color: string): Piece["tone"] {
  if (/keyword|inserted/.test(color)) return "word";
  if (/string|constant|number/.test(color)) return "text";
  if (/function|parameter/.test(color)) return "name";
  return /comment|deleted/.test(color) ? "note" : "plain";
}
