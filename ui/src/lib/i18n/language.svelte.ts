// The language of the window: chosen by the person, else the first of the system's that Hearth speaks.

import { overwriteGetLocale } from "./paraglide/runtime.js";

export const LANGUAGES = { en: "English", fr: "Français", "zh-Hans": "简体中文", "zh-Hant": "繁體中文" } as const;
export type Language = keyof typeof LANGUAGES;

/** The best of ours for what a system asks for, in its order of preference. */
export function bestLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const [base, ...rest] = tag.split("-");
    if (base === "zh") {
      return rest.some((part) => ["Hant", "TW", "HK", "MO"].includes(part)) ? "zh-Hant" : "zh-Hans";
    }
    if (base === "en" || base === "fr") {
      return base;
    }
  }
  return "en";
}

export function isLanguage(text: string | null): text is Language {
  return text !== null && text in LANGUAGES;
}

/** The one language of this window. Read inside a component, it makes the component follow a change. */
class Spoken {
  current: Language = $state("en");
}

export const spoken = new Spoken();
overwriteGetLocale(() => spoken.current);
