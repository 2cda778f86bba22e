// A host's end of the WebSocket, for tests of the browser's backend: it keeps a log, can be away, and can lose answers.

import type { Event } from "../../src/lib/ipc/bindings/Event";
import { fromBase64Url, toBase64Url, toHex } from "../../src/lib/ipc/web/bytes";

type Frame = Record<string, unknown> & { req: number; type: string };

const room = { id: "room", name: "general", topic: "", visibility: "public", head: 0, members: 2 };

export class HostDouble {
  /** Who signs in. */
  member = { id: "alice", name: "Alice", role: "owner", online: true };
  log: Event[] = [];
  /** Frames by type, as they came. */
  heard: Frame[] = [];
  away = false;
  /** Takes the next post, then breaks the connection before answering. */
  losesNextAnswer = false;
  /** Takes the next sign-in, then breaks the connection before answering. */
  losesNextSignIn = false;
  /** Answers to posts, by message, to be given in place of taking them. */
  refusals: { code: string; message: string; retry_after_ms?: number }[] = [];
  endedSessions = new Set<string>();
  readonly sockets = new Set<SocketDouble>();
  id = "";
  #keys: CryptoKeyPair | null = null;
  #spki = "";

  async prepare(): Promise<this> {
    this.#keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    const spki = new Uint8Array(await crypto.subtle.exportKey("spki", this.#keys.publicKey));
    this.#spki = toBase64Url(spki);
    this.id = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", spki)));
    return this;
  }

  posted(text: string, message = `other-${this.log.length}`, by = "bob"): Event {
    const change = { kind: "posted", message, text } as const;
    const event: Event = { room: "room", seq: this.log.length + 1, at: Date.now(), by, change };
    this.log.push(event);
    for (const socket of this.sockets) socket.say({ type: "event", event });
    return event;
  }

  close(code: number): void {
    for (const socket of [...this.sockets]) socket.end(code);
  }

  async answer(socket: SocketDouble, frame: Frame): Promise<void> {
    this.heard.push(frame);
    const say = (reply: object) => socket.say({ req: frame.req, ...reply });
    switch (frame.type) {
      case "hello":
        return say(await this.#welcome(String(frame.nonce)));
      case "sign_in":
        return this.#signIn(socket, frame, say);
      case "members":
        return say({
          type: "members",
          members: [this.member, { ...this.member, id: "bob", name: "Bob" }],
          more: false,
        });
      case "sync": {
        const [cursor] = frame.cursors as { after: number }[];
        const events = this.log.filter((event) => event.seq > (cursor?.after ?? 0));
        return say({ type: "synced", rooms: [{ room: "room", events, head: this.log.length }] });
      }
      case "history": {
        const before = typeof frame.before === "number" ? frame.before : Number.POSITIVE_INFINITY;
        const after = typeof frame.after === "number" ? frame.after : 0;
        const events = this.log.filter((event) => event.seq < before && event.seq > after).slice(-Number(frame.limit));
        return say({ type: "history", room: "room", events, head: this.log.length });
      }
      case "post":
        return this.#post(socket, frame, say);
      case "ping":
        return say({ type: "pong" });
      default:
        return say({ type: "done" });
    }
  }

  async #welcome(nonce: string): Promise<object> {
    const message = new Uint8Array([...new TextEncoder().encode("hearth.v1 host proof\0"), ...fromBase64Url(nonce)]);
    const key = this.#keys?.privateKey as CryptoKey;
    const proof = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, message);
    return {
      type: "welcome",
      host: { id: this.id, name: "Atelier Nord", version: "0.1.0" },
      public_key: this.#spki,
      proof: toBase64Url(new Uint8Array(proof)),
      registration: "open",
      heartbeat_ms: 40_000,
    };
  }

  #signIn(socket: SocketDouble, frame: Frame, say: (reply: object) => void): void {
    const by = frame.by as { kind: string; token?: string };
    if (by.kind === "session" && this.endedSessions.has(by.token ?? "")) {
      say({ type: "error", code: "session_ended", message: "the session was ended" });
      return;
    }
    if (this.losesNextSignIn) {
      this.losesNextSignIn = false;
      socket.end(1006);
      return;
    }
    this.sockets.add(socket);
    const token = by.kind === "session" ? {} : { token: "session-token" };
    const rooms = [{ ...room, head: this.log.length }];
    const rest = { rooms, registration: "open", has_password: false };
    say({ type: "signed_in", member: this.member, device: "device", ...token, ...rest });
  }

  #post(socket: SocketDouble, frame: Frame, say: (reply: object) => void): void {
    const refusal = this.refusals.shift();
    if (refusal) {
      say({ type: "error", ...refusal });
      return;
    }
    const message = String(frame.message);
    const known = this.log.find((event) => event.change.kind === "posted" && event.change.message === message);
    if (this.losesNextAnswer && !known) {
      this.losesNextAnswer = false;
      this.sockets.delete(socket);
      this.posted(String(frame.text), message, "alice");
      socket.end(1006);
      return;
    }
    const { seq, at } = known ?? this.posted(String(frame.text), message, "alice");
    say({ type: "posted", message, room: "room", seq, at });
  }
}

/** What the browser's backend takes for a WebSocket. */
export class SocketDouble {
  static readonly OPEN = 1;
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  readonly #host: HostDouble;

  constructor(host: HostDouble) {
    this.#host = host;
    queueMicrotask(() => {
      if (host.away) {
        this.end(1006);
        return;
      }
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(text: string): void {
    void Promise.resolve().then(() => this.#host.answer(this, JSON.parse(text)));
  }

  say(reply: object): void {
    if (this.readyState === 1) {
      this.onmessage?.({ data: JSON.stringify(reply) });
    }
  }

  close(): void {
    this.end(1000);
  }

  end(code: number): void {
    this.#host.sockets.delete(this);
    if (this.readyState !== 3) {
      this.readyState = 3;
      this.onclose?.({ code });
    }
  }
}
