// What this browser has still to deliver. Every message is an entry of its own in local storage, so that two tabs never
// overwrite each other's; ids are for good, so a message that both resend arrives once.

export interface Item {
  readonly message: string;
  readonly room: string;
  readonly text: string;
  readonly at: number;
  readonly failed: { readonly code: string; readonly message: string } | null;
}

const PREFIX = "hearth.outbox.";

export class Outbox {
  readonly #storage: Storage;
  readonly #prefix: string;
  readonly #items = new Map<string, Item>();

  constructor(storage: Storage, host: string) {
    this.#storage = storage;
    this.#prefix = `${PREFIX}${host}.`;
    for (const key of Object.keys(storage).filter((name) => name.startsWith(this.#prefix))) {
      const item = readItem(storage.getItem(key));
      if (item) {
        this.#items.set(item.message, item);
      }
    }
  }

  /** Throws when the browser's storage is full; nothing is queued then. */
  add(item: Item): void {
    this.#storage.setItem(this.#prefix + item.message, JSON.stringify(item));
    this.#items.set(item.message, item);
  }

  get(message: string): Item | undefined {
    return this.#items.get(message);
  }

  remove(message: string): Item | undefined {
    const item = this.#items.get(message);
    this.#storage.removeItem(this.#prefix + message);
    this.#items.delete(message);
    return item;
  }

  /** In the order they were written: version 7 ids sort by time. */
  of(room: string): Item[] {
    return [...this.#items.values()].filter((item) => item.room === room).sort(byMessage);
  }

  /** The first of each room that may be sent now. What was refused does not hold up what follows. */
  due(): Item[] {
    const first = new Map<string, Item>();
    for (const item of [...this.#items.values()].filter((one) => one.failed === null).sort(byMessage)) {
      if (!first.has(item.room)) {
        first.set(item.room, item);
      }
    }
    return [...first.values()];
  }

  clear(): void {
    for (const message of [...this.#items.keys()]) {
      this.remove(message);
    }
  }
}

function byMessage(a: Item, b: Item): number {
  return a.message < b.message ? -1 : a.message > b.message ? 1 : 0;
}

function readItem(text: string | null): Item | null {
  try {
    const item = JSON.parse(text ?? "null") as Partial<Item> | null;
    const whole = item && [item.message, item.room, item.text].every((field) => typeof field === "string");
    return whole ? { ...(item as Item), at: Number(item.at), failed: item.failed ?? null } : null;
  } catch {
    return null;
  }
}
