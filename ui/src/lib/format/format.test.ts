import { describe, expect, it } from "vitest";

import { overflow } from "../composer/length";
import { bestLanguage, spoken } from "../i18n/language.svelte";
import { find } from "../rooms/find";
import { hue, initials } from "./face";
import { read } from "./markdown";
import { day } from "./time";

describe("markdown", () => {
  it("HTML stays text", () => {
    const [block] = read("<img src=x onerror=alert(1)> <b>b</b>");
    expect(block).toEqual({
      kind: "paragraph",
      of: [{ kind: "text", text: "<img src=x onerror=alert(1)> <b>b</b>" }],
    });
  });

  it("a link leads to the web or to mail only", () => {
    const links = (source: string) => JSON.stringify(read(source)).match(/"href":"[^"]*"/g);
    expect(links("[a](https://example.org) <mailto:a@example.org>")).toHaveLength(2);
    expect(links("[a](javascript:alert(1)) [b](data:text/html,x) [c](file:///etc/passwd) [d](vbscript:x)")).toBeNull();
    expect(links("see https://example.org/x.")).toEqual(['"href":"https://example.org/x"']);
  });

  it("a picture becomes a link and is not fetched", () => {
    expect(read("![cat](https://example.org/cat.png)")).toEqual([
      {
        kind: "paragraph",
        of: [{ kind: "link", href: "https://example.org/cat.png", of: [{ kind: "text", text: "cat" }] }],
      },
    ]);
  });

  it("code keeps its language and its white space", () => {
    expect(read("```rust\nfn main() {\n\t1\n}\n```")).toEqual([
      { kind: "code", language: "rust", text: "fn main() {\n\t1\n}" },
    ]);
  });

  it("a line break is a line break", () => {
    expect(read("a\nb")).toEqual([
      { kind: "paragraph", of: [{ kind: "text", text: "a" }, { kind: "break" }, { kind: "text", text: "b" }] },
    ]);
  });

  it("lists, quotes and tables nest", () => {
    const kinds = read("- a\n  1. b\n\n> q\n\n|x|y|\n|-|-|\n|1|2|").map((block) => block.kind);
    expect(kinds).toEqual(["list", "quote", "table"]);
  });

  it("any text is read without a throw", () => {
    const signs = [
      "*",
      "_",
      "`",
      "[",
      "]",
      "(",
      ")",
      ">",
      "-",
      "1.",
      "|",
      "\n",
      "#",
      "<",
      "&",
      "\\",
      "a",
      "陈",
      "😀",
      "\t",
      " ",
    ];
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: 40 }, () => signs[Math.floor(Math.random() * signs.length)]).join("");
      expect(() => read(text)).not.toThrow();
    }
  });
});

describe("a face", () => {
  it("has the initials of first and last name, or the first sign", () => {
    expect(["Léa Moreau", "léa", "陈思远", "Ana Maria da Silva", "", "👩‍🚀"].map(initials)).toEqual([
      "LM",
      "L",
      "陈",
      "AS",
      "?",
      "👩",
    ]);
  });

  it("always has the same hue", () => {
    expect(hue("alice")).toBe(hue("alice"));
    expect(hue("alice")).not.toBe(hue("bob"));
  });
});

it("a day is today, yesterday, or its date", () => {
  spoken.current = "en";
  const now = new Date(2026, 10, 20, 9).getTime();
  expect(day(new Date(2026, 10, 20, 0, 0).getTime(), now)).toBe("Today");
  expect(day(new Date(2026, 10, 19, 23, 59).getTime(), now)).toBe("Yesterday");
  expect(day(new Date(2026, 10, 3, 12).getTime(), now)).toBe("Tuesday, November 3");
  expect(day(new Date(2025, 10, 3, 12).getTime(), now)).toContain("2025");
});

it("the language is the first of the system's that Hearth speaks", () => {
  expect(bestLanguage(["de-DE", "fr-CA", "en"])).toBe("fr");
  expect(bestLanguage(["zh-CN"])).toBe("zh-Hans");
  expect(bestLanguage(["zh-TW"])).toBe("zh-Hant");
  expect(bestLanguage(["zh-Hant-HK"])).toBe("zh-Hant");
  expect(bestLanguage(["sv"])).toBe("en");
});

it("a room is found by its beginning first, without accents and case", () => {
  const places = ["Général", "design", "redesign"].map((name) => ({ host: "h", hostName: "H", room: name, name }));
  const names = (wanted: string) => find(places, wanted, "h").map((place) => place.name);
  expect(names("gene")).toEqual(["Général"]);
  expect(names("#design")).toEqual(["design", "redesign"]);
  expect(names("")).toHaveLength(3);
  expect(names("nothing")).toEqual([]);
});

it("a message's length is counted in bytes", () => {
  expect(overflow("é".repeat(8 * 1024))).toBe(0);
  expect(overflow("é".repeat(8 * 1024 + 1))).toBe(2);
});
