// Stays connected until a person or the host says otherwise: dials, signs in, catches up, waits, dials again. It knows
// close codes and patience; what is said over the connection is not its business.

import type { ConnectionView } from "../bindings/ConnectionView";
import type { SignedIn } from "../bindings/SignedIn";
import type { StopView } from "../bindings/StopView";
import { asFailure } from "../failure";
import { delay } from "./backoff";
import { afterClose, CLOSE_SESSION_ENDED } from "./frames";
import type { Link } from "./link";

export interface Opened {
  readonly link: Link;
  readonly answer: SignedIn;
}

export interface ConnectionEnds {
  /** Opens and signs in, or rejects with a refusal. */
  dial(): Promise<Opened>;
  /** Brings what is known up to now, before anything else is asked. */
  catchUp(opened: Opened): Promise<void>;
  changed(state: ConnectionView): void;
}

export class Connection {
  /** The present link, from signed in to closed. */
  link: Link | null = null;
  active = false;
  readonly #ends: ConnectionEnds;
  /** Which run is the present one; an older one ends as soon as it notices. */
  #turn = 0;
  #wake: () => void = () => {};

  constructor(ends: ConnectionEnds) {
    this.#ends = ends;
  }

  /** Begins with a connection that is signed in already, or by dialling. */
  async run(first?: Opened): Promise<void> {
    const turn = this.#takeOver();
    this.active = true;
    let handed = first;
    for (let attempt = 0; this.active && turn === this.#turn; attempt += 1) {
      let reason = "";
      try {
        const opened = handed ?? (await this.#dial());
        handed = undefined;
        this.link = opened.link;
        await this.#ends.catchUp(opened);
        attempt = 0;
        this.#ends.changed({ kind: "live" });
        this.#closed(await opened.link.ended, turn);
      } catch (thrown) {
        reason = this.#failed(thrown, turn);
      }
      if (turn !== this.#turn) {
        return;
      }
      this.link?.close();
      this.link = null;
      if (this.active) {
        await this.#pause(delay(attempt, Math.random()), reason);
      }
    }
  }

  /** Ends a pause now. */
  nudge(): void {
    this.#wake();
  }

  /** Ends for good; the link stays open for a last word, and is given back. */
  end(): Link | null {
    this.active = false;
    const link = this.link;
    this.#turn += 1;
    this.link = null;
    this.#wake();
    return link;
  }

  #takeOver(): number {
    this.end()?.close();
    return this.#turn;
  }

  #dial(): Promise<Opened> {
    this.#ends.changed({ kind: "dialling" });
    return this.#ends.dial();
  }

  #closed(code: number, turn: number): void {
    if (turn === this.#turn && afterClose(code) === "stayAway") {
      this.#stop(code === CLOSE_SESSION_ENDED ? "sessionEnded" : "version", "the host ended this connection");
    }
  }

  /** Why it failed, for the person who waits; what can't mend itself stops here. */
  #failed(thrown: unknown, turn: number): string {
    const { code, message } = asFailure(thrown);
    if (turn === this.#turn && (code === "session_ended" || code === "wrong_credentials")) {
      this.#stop("sessionEnded", message);
    } else if (turn === this.#turn && code === "key_changed") {
      this.#stop("keyChanged", message);
    }
    return message;
  }

  #stop(reason: StopView, message: string): void {
    this.active = false;
    this.#ends.changed({ kind: "stopped", reason, message });
  }

  #pause(ms: number, reason: string): Promise<void> {
    this.#ends.changed({ kind: "waiting", retryAt: Date.now() + ms, reason });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
