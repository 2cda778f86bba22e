// Markdown as a tree that components render. No HTML is made anywhere: what the source says in HTML stays text, pictures
// become links (nothing is fetched by itself), and a link leads to the web or to mail, nowhere else.

import MarkdownIt, { type Token } from "markdown-it";

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "strong" | "em" | "s"; readonly of: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly of: readonly Inline[] };

export type Block =
  | { readonly kind: "paragraph" | "heading"; readonly of: readonly Inline[] }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "quote"; readonly of: readonly Block[] }
  | { readonly kind: "list"; readonly start: number | null; readonly items: readonly (readonly Block[])[] }
  | { readonly kind: "table"; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

const reader = new MarkdownIt({ html: false, linkify: true, breaks: true });
reader.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });

export function read(source: string): Block[] {
  return blocks(new Cursor(reader.parse(source, {})), null);
}

class Cursor {
  #at = 0;
  readonly #tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  next(): Token | undefined {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    return token;
  }
}

/** Reads blocks until the token `until`. */
function blocks(cursor: Cursor, until: string | null): Block[] {
  const found: Block[] = [];
  for (let token = cursor.next(); token && token.type !== until; token = cursor.next()) {
    const block = blockOf(token, cursor);
    if (block) {
      found.push(block);
    }
  }
  return found;
}

function blockOf(token: Token, cursor: Cursor): Block | null {
  switch (token.type) {
    case "inline":
      return { kind: "paragraph", of: inlines(new Cursor(token.children ?? []), null) };
    case "heading_open":
      return { kind: "heading", of: textUntil(cursor, "heading_close") };
    case "fence":
    case "code_block":
      return {
        kind: "code",
        language: token.info.trim().split(/\s+/)[0] ?? "",
        text: token.content.replace(/\n$/, ""),
      };
    case "blockquote_open":
      return { kind: "quote", of: blocks(cursor, "blockquote_close") };
    case "bullet_list_open":
      return { kind: "list", start: null, items: items(cursor, "bullet_list_close") };
    case "ordered_list_open":
      return { kind: "list", start: Number(token.attrGet("start") ?? 1), items: items(cursor, "ordered_list_close") };
    case "table_open":
      return { kind: "table", rows: rows(cursor) };
    case "hr":
      return { kind: "rule" };
    default:
      return null;
  }
}

function items(cursor: Cursor, until: string): Block[][] {
  const found: Block[][] = [];
  for (let token = cursor.next(); token && token.type !== until; token = cursor.next()) {
    if (token.type === "list_item_open") {
      found.push(blocks(cursor, "list_item_close"));
    }
  }
  return found;
}

function rows(cursor: Cursor): Inline[][][] {
  const found: Inline[][][] = [];
  for (let token = cursor.next(); token && token.type !== "table_close"; token = cursor.next()) {
    if (token.type === "tr_open") {
      found.push([]);
    } else if (token.type === "inline") {
      found.at(-1)?.push(inlines(new Cursor(token.children ?? []), null));
    }
  }
  return found;
}

function textUntil(cursor: Cursor, until: string): Inline[] {
  const found: Inline[] = [];
  for (let token = cursor.next(); token && token.type !== until; token = cursor.next()) {
    found.push(...inlines(new Cursor(token.children ?? []), null));
  }
  return found;
}

function inlines(cursor: Cursor, until: string | null): Inline[] {
  const found: Inline[] = [];
  for (let token = cursor.next(); token && token.type !== until; token = cursor.next()) {
    const inline = inlineOf(token, cursor);
    if (inline) {
      found.push(inline);
    }
  }
  return found;
}

function inlineOf(token: Token, cursor: Cursor): Inline | null {
  switch (token.type) {
    case "text":
    case "text_special":
    case "html_inline":
      return token.content === "" ? null : { kind: "text", text: token.content };
    case "code_inline":
      return { kind: "code", text: token.content };
    case "softbreak":
    case "hardbreak":
      return { kind: "break" };
    case "strong_open":
    case "em_open":
    case "s_open": {
      const kind = token.type.slice(0, -"_open".length) as "strong" | "em" | "s";
      return { kind, of: inlines(cursor, `${kind}_close`) };
    }
    case "link_open":
      return linkTo(text(token, "href"), inlines(cursor, "link_close"));
    case "image":
      return linkTo(text(token, "src"), [{ kind: "text", text: token.content || (text(token, "src") ?? "") }]);
    default:
      return null;
  }
}

function text(token: Token, attribute: string): string | null {
  const value = token.attrGet(attribute);
  return value === null ? null : String(value);
}

function linkTo(href: string | null, of: Inline[]): Inline {
  return href !== null && /^(https?|mailto):/i.test(href) ? { kind: "link", href, of } : { kind: "em", of };
}
