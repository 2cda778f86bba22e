// How this window looks and speaks. Kept in the page's storage: it says nothing about anyone.

import { bestLanguage, isLanguage, type Language, spoken } from "../i18n/language.svelte";

export type Theme = "system" | "light" | "dark";

const THEME = "hearth.theme";
const LANGUAGE = "hearth.language";

export class Preferences {
  theme: Theme = $state("system");
  readonly #dark = window.matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    const theme = localStorage.getItem(THEME);
    this.theme = theme === "light" || theme === "dark" ? theme : "system";
    this.#dark.addEventListener("change", () => this.#paint());
    const language = localStorage.getItem(LANGUAGE);
    this.#speak(isLanguage(language) ? language : bestLanguage(navigator.languages));
    this.#paint();
  }

  get language(): Language {
    return spoken.current;
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(THEME, theme);
    this.#paint();
  }

  setLanguage(language: Language): void {
    localStorage.setItem(LANGUAGE, language);
    this.#speak(language);
  }

  #speak(language: Language): void {
    spoken.current = language;
    document.documentElement.lang = language;
  }

  #paint(): void {
    const dark = this.theme === "dark" || (this.theme === "system" && this.#dark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
}
