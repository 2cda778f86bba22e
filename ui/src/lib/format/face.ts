// A face for a name: its initials and a hue that is always the same.

/** One or two signs: of a Latin name the first letters of its first and last word, of others the first sign. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return /\p{Script=Latin}/u.test(first) ? (first + last).toLocaleUpperCase() : first;
}

/** Degrees on the colour wheel. */
export function hue(id: string): number {
  let hash = 7;
  for (const letter of id) {
    hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  }
  return hash % 360;
}
