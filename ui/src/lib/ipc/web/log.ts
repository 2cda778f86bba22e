// One room's log as far as this page holds it: a stretch without gaps that ends at the newest event known.
// What is older is paged in at its front; what arrives out of turn waits until the stretch reaches it.

import type { Event } from "../bindings/Event";

export class RoomLog {
  #events: Event[] = [];
  readonly #ahead = new Map<number, Event>();

  /** The number of the newest event held, 0 for none. */
  get last(): number {
    return this.#events.at(-1)?.seq ?? 0;
  }

  /** The number of the oldest event held, 0 for none. */
  get first(): number {
    return this.#events[0]?.seq ?? 0;
  }

  /** Events wait for others before them. */
  get torn(): boolean {
    return this.#ahead.size > 0;
  }

  /** Takes an event of the present. Returns what became visible, in order; nothing for what is held or out of turn. */
  append(event: Event): Event[] {
    if (this.#events.length > 0 && event.seq <= this.last) {
      return [];
    }
    this.#ahead.set(event.seq, event);
    return this.#close();
  }

  /** Takes a stretch of the present (ascending, without gaps). True when what was held before was given up for it. */
  catchUp(events: readonly Event[]): { fresh: Event[]; replaced: boolean } {
    const [start] = events;
    if (!start) {
      return { fresh: [], replaced: false };
    }
    const replaced = this.#events.length > 0 && start.seq > this.last + 1;
    if (replaced) {
      this.#events = [];
    }
    const fresh = events.filter((event) => this.#events.length === 0 || event.seq > this.last);
    this.#events.push(...fresh);
    const ahead = this.#close();
    this.#changeAll(ahead);
    return { fresh: [...fresh, ...ahead], replaced };
  }

  /**
   * Takes a page of the past that ends just before the first event held. Anything else is not joined. Its messages stand
   * as they did at `head`: what was pushed while it was under way is done to them here.
   */
  prepend(events: readonly Event[], head: number): void {
    const older = events.filter((event) => event.seq < this.first);
    if (older.at(-1)?.seq === this.first - 1) {
      const later = this.#events.filter((event) => event.seq > head);
      this.#events = [...older, ...this.#events];
      this.#changeAll(later);
    }
  }

  /** At most `limit` events before `before` (null: the newest), ascending. */
  page(before: number | null, limit: number): Event[] {
    const until = before === null ? this.#events : this.#events.filter((event) => event.seq < before);
    return until.slice(-limit);
  }

  /** Changes the message that `event` is about, and returns it as it stands then; null when it is not held. */
  change(event: Event): Event | null {
    const { change } = event;
    if (change.kind !== "edited" && change.kind !== "deleted") {
      return null;
    }
    const at = this.#events.findIndex(
      (held) => held.change.kind === "posted" && held.change.message === change.message,
    );
    const held = this.#events[at];
    if (held?.change.kind !== "posted") {
      return null;
    }
    const next =
      change.kind === "deleted"
        ? { ...held.change, text: "", deleted: true }
        : { ...held.change, text: change.text ?? held.change.text, edited: event.seq };
    const changed = { ...held, change: next };
    this.#events[at] = changed;
    return changed;
  }

  #changeAll(later: readonly Event[]): void {
    for (const event of later) {
      this.change(event);
    }
  }

  #close(): Event[] {
    const fresh: Event[] = [];
    for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
      const event = this.#ahead.get(seq);
      const next = this.#events.length > 0 ? this.last + 1 : 1;
      if (event && seq <= next) {
        this.#ahead.delete(seq);
        if (seq === next) {
          this.#events.push(event);
          fresh.push(event);
        }
      }
    }
    return fresh;
  }
}
