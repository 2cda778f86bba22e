// Brings the outbox to the host: in order per room, one at a time, the same id at every try. What is refused for good
// waits for a person; what the host can't take now is tried again.

import type { Event } from "../bindings/Event";
import { asFailure, Refusal } from "../failure";
import { delay } from "./backoff";
import { isTemporary } from "./frames";
import type { Link } from "./link";
import type { Item, Outbox } from "./outbox";

/** Where in the steps of the backoff a try after a temporary refusal without a time of its own stands. */
const PATIENCE = 3;

export interface DeliveryRoom {
  /** The connection, while everything travels at once. */
  live(): Link | null;
  /** An item is new or changed. */
  show(item: Item): void;
  /** The host has taken it at this place. */
  taken(item: Item, seq: number, at: number): void;
}

export class Delivery {
  readonly #outbox: Outbox;
  readonly #room: DeliveryRoom;
  #draining = false;
  #later: ReturnType<typeof setTimeout> | undefined;

  constructor(outbox: Outbox, room: DeliveryRoom) {
    this.#outbox = outbox;
    this.#room = room;
  }

  /** Throws when the browser's storage is full; nothing is queued then. */
  put(item: Item): void {
    this.#outbox.add(item);
    this.#room.show(item);
    void this.drain();
  }

  retry(message: string): void {
    const item = this.#outbox.get(message);
    if (item) {
      this.put({ ...item, failed: null });
    }
  }

  discard(message: string): Item | undefined {
    return this.#outbox.remove(message);
  }

  waiting(room: string): Item[] {
    return this.#outbox.of(room);
  }

  /** What stands in the log has been delivered, whether its answer came or was lost. */
  delivered(events: readonly Event[]): void {
    for (const { change } of events) {
      if (change.kind === "posted") {
        this.#outbox.remove(change.message);
      }
    }
  }

  forget(): void {
    clearTimeout(this.#later);
    this.#outbox.clear();
  }

  /** Delivers until nothing is due or the host can't take it now. */
  async drain(): Promise<void> {
    if (this.#draining) {
      return;
    }
    this.#draining = true;
    try {
      let going = true;
      for (let due = this.#outbox.due(); going && due.length > 0; due = this.#outbox.due()) {
        const results = await Promise.all(due.map((item) => this.#post(item)));
        going = !results.includes(false);
      }
    } finally {
      this.#draining = false;
    }
  }

  /** False when it has to be tried again later. */
  async #post(item: Item): Promise<boolean> {
    const link = this.#room.live();
    if (!link) {
      return false;
    }
    const { room, message, text } = item;
    try {
      const posted = await link.ask({ type: "post", room, message, text }, "posted");
      // Its event may have been faster than this answer.
      if (this.#outbox.remove(message)) {
        this.#room.taken(item, posted.seq, posted.at);
      }
      return true;
    } catch (thrown) {
      return this.#refused(item, thrown);
    }
  }

  #refused(item: Item, thrown: unknown): boolean {
    const { code, message } = asFailure(thrown);
    if (code === "disconnected" || code === "timeout" || isTemporary(code)) {
      clearTimeout(this.#later);
      const wait = (thrown instanceof Refusal && thrown.retryAfterMs) || delay(PATIENCE, Math.random());
      this.#later = setTimeout(() => void this.drain(), wait);
      return false;
    }
    if (this.#outbox.get(item.message)) {
      const failed = { ...item, failed: { code, message } };
      this.#outbox.add(failed);
      this.#room.show(failed);
    }
    return true;
  }
}
