// What was being written, per room. In a browser it outlives a reload; on the desktop it stays in memory, because the
// webview's storage is not encrypted.

export class Drafts {
  readonly #texts = new Map<string, string>();
  readonly #storage: Storage | null;

  constructor(storage: Storage | null) {
    this.#storage = storage;
  }

  get(host: string, room: string): string {
    const key = keyOf(host, room);
    return this.#texts.get(key) ?? this.#storage?.getItem(key) ?? "";
  }

  set(host: string, room: string, text: string): void {
    const key = keyOf(host, room);
    this.#texts.set(key, text);
    if (text === "") {
      this.#storage?.removeItem(key);
      return;
    }
    try {
      this.#storage?.setItem(key, text);
    } catch {
      // A full storage costs the draft its reload, not its text.
    }
  }
}

function keyOf(host: string, room: string): string {
  return `hearth.draft.${host}.${room}`;
}
