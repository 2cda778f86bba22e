// The protocol's frames as this browser reads and writes them. Types come from the host's own source.

import type { ClientFrame } from "../bindings/ClientFrame";
import type { ErrorCode } from "../bindings/ErrorCode";
import type { ServerFrame } from "../bindings/ServerFrame";

type Variants<F> = F extends unknown ? Omit<F, "req"> : never;

/** What is asked, without its number. */
export type Request = Variants<ClientFrame>;
/** What is said, with the number of the request it answers, if any. */
export type Reply = ServerFrame;
export type ReplyOf<K extends Reply["type"]> = Extract<Reply, { type: K }>;

/** The version this client speaks, carried in the WebSocket subprotocol. */
export const SUBPROTOCOL = "hearth.v1";
/** Most events in one page of history. */
export const PAGE_EVENTS = 200;
/** Most rooms in one sync request. */
export const SYNC_ROOMS = 500;
/** Longest message, in bytes of UTF-8. */
export const TEXT_BYTES = 16 * 1024;
export const NONCE_BYTES = 32;

const TEMPORARY: ReadonlySet<ErrorCode> = new Set(["rate_limited", "read_only", "stopping", "internal"]);

/** Whether the same request may succeed later without anyone changing anything. */
export function isTemporary(code: string): boolean {
  return TEMPORARY.has(code as ErrorCode);
}

export function encode(req: number, request: Request): string {
  return JSON.stringify({ req, ...request });
}

/** A frame of the host, or null for what no host of this protocol says. Unknown types pass: newer hosts have more. */
export function decode(text: unknown): Reply | null {
  if (typeof text !== "string") {
    return null;
  }
  try {
    const frame: unknown = JSON.parse(text);
    const isFrame = typeof frame === "object" && frame !== null && "type" in frame && typeof frame.type === "string";
    return isFrame ? (frame as Reply) : null;
  } catch {
    return null;
  }
}

/** What to do after a close; the ranges hold for codes of the future too. */
export type AfterClose = "comeBack" | "resync" | "stayAway";

export function afterClose(code: number): AfterClose {
  if (code >= 4100 && code < 4200) {
    return "resync";
  }
  return code >= 4200 && code < 4300 ? "stayAway" : "comeBack";
}

export const CLOSE_SESSION_ENDED = 4200;
export const CLOSE_VERSION = 4202;
