// One socket to the host, from open to closed: requests find their answers, the rest is pushed, silence ends it.
// It never reconnects; that is the business of whoever opened it.

import type { Welcome } from "../bindings/Welcome";
import { Refusal } from "../failure";
import { toBase64Url } from "./bytes";
import { decode, encode, NONCE_BYTES, type Reply, type ReplyOf, type Request, SUBPROTOCOL } from "./frames";
import { judge } from "./proof";

const OPEN_MS = 10_000;
/** Longer than any honest answer takes, a queue for Argon2id included. */
const ANSWER_MS = 30_000;
/** Silent for this long, the host has left: two heartbeats and a delay. */
const LEASE_MS = 100_000;

interface Waiting {
  resolve(reply: Reply): void;
  reject(refusal: Refusal): void;
  timer: ReturnType<typeof setTimeout>;
}

export type MakeSocket = (url: string, protocol: string) => WebSocket;

export class Link {
  /** Called with everything that answers no request. Set it before signing in: pushes start right after. */
  onpush: (reply: Reply) => void = () => {};
  /** The close code, once it is over. */
  readonly ended: Promise<number>;

  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #heard = Date.now();
  #heart: ReturnType<typeof setInterval> | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = (message) => this.#hear(message.data);
    this.ended = new Promise((resolve) => {
      socket.onclose = (close) => {
        this.#end();
        resolve(close.code);
      };
    });
  }

  static open(url: string, make: MakeSocket = (to, protocol) => new WebSocket(to, protocol)): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = make(url, SUBPROTOCOL);
      const fail = () => {
        clearTimeout(timer);
        socket.onopen = socket.onclose = null;
        socket.close();
        reject(
          new Refusal("unreachable", "the host does not answer; see that it runs and that you are on its network"),
        );
      };
      const timer = setTimeout(fail, OPEN_MS);
      socket.onclose = fail;
      socket.onopen = () => {
        clearTimeout(timer);
        resolve(new Link(socket));
      };
    });
  }

  /** The first words, with the check that the host owns its key. Starts the heartbeat. */
  async greet(version: string): Promise<Welcome> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const client = { name: "hearth-web", version };
    const welcome = await this.ask({ type: "hello", nonce: toBase64Url(nonce), client }, "welcome");
    if ((await judge(welcome, nonce, globalThis.crypto.subtle)) === "refuted") {
      this.close();
      throw new Refusal("key_changed", "what answers here can not prove that it is this host; do not sign in");
    }
    this.#heart = setInterval(() => this.#beat(), welcome.heartbeat_ms);
    return welcome;
  }

  /** Asks and waits for the answer of type `expect`. Rejects with a `Refusal` and never waits for ever. */
  async ask<K extends Reply["type"]>(request: Request, expect: K): Promise<ReplyOf<K>> {
    const reply = await this.#exchange(request);
    if (reply.type === "error") {
      throw new Refusal(reply.code, reply.message, reply.retry_after_ms ?? null);
    }
    if (reply.type !== expect) {
      throw new Refusal("internal", `the host answered with ${reply.type}, not ${expect}`);
    }
    return reply as ReplyOf<K>;
  }

  close(): void {
    this.#socket.close(1000);
  }

  #exchange(request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== WebSocket.OPEN) {
        reject(disconnected());
        return;
      }
      const req = this.#next++;
      const timer = setTimeout(() => {
        this.#waiting.delete(req);
        reject(new Refusal("timeout", "the host did not answer in time; try again"));
      }, ANSWER_MS);
      this.#waiting.set(req, { resolve, reject, timer });
      this.#socket.send(encode(req, request));
    });
  }

  #hear(text: unknown): void {
    this.#heard = Date.now();
    const reply = decode(text);
    if (!reply) {
      return;
    }
    const waiting = reply.req === undefined ? undefined : this.#waiting.get(reply.req);
    if (reply.req === undefined || !waiting) {
      this.onpush(reply);
      return;
    }
    this.#waiting.delete(reply.req);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }

  #beat(): void {
    if (Date.now() - this.#heard > LEASE_MS) {
      this.close();
      return;
    }
    this.ask({ type: "ping" }, "pong").catch(() => {});
  }

  #end(): void {
    clearInterval(this.#heart);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(disconnected());
    }
    this.#waiting.clear();
  }
}

function disconnected(): Refusal {
  return new Refusal("disconnected", "the connection to the host was lost; it comes back by itself");
}
