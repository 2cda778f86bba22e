// What this browser keeps between two visits: which host it is at, the session that the host gave, and who we are there.

import type { HostView } from "../bindings/HostView";

const KEY = "hearth.session";

export interface Remembered {
  readonly host: HostView;
  readonly token: string;
}

export function recall(storage: Storage): Remembered | null {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? "null") as Remembered | null;
    const whole = kept && typeof kept.token === "string" && typeof kept.host?.id === "string";
    return whole ? { ...kept, host: { ...kept.host, state: { kind: "dialling" } } } : null;
  } catch {
    return null;
  }
}

export function remember(storage: Storage, kept: Remembered): void {
  storage.setItem(KEY, JSON.stringify(kept));
}

export function forget(storage: Storage): void {
  storage.removeItem(KEY);
}

/** The invite in the page's address, taken out of it so that it is neither shown nor kept in the history. */
export function takeInvite(page: Pick<Window, "location" | "history">): { host: string; token: string } | null {
  const path = /^\/join\/([0-9a-f]{64})\/?$/.exec(page.location.pathname);
  const hash = /^#t=([A-Za-z0-9_-]{43})$/.exec(page.location.hash);
  if (page.location.hash.startsWith("#t=")) {
    page.history.replaceState(null, "", page.location.pathname);
  }
  return path?.[1] && hash?.[1] ? { host: path[1], token: hash[1] } : null;
}

const CHOSEN = "hearth.joining";

/**
 * The token that the new session at `host` under `name` is to have. It is kept before it is asked for, so that a join
 * whose answer was lost finds, when asked again, the account that it made.
 */
export function chooseToken(storage: Storage, host: string, name: string, fresh: () => string): string {
  try {
    const kept = JSON.parse(storage.getItem(CHOSEN) ?? "null") as { host: string; name: string; token: string } | null;
    if (kept?.host === host && kept.name === name && typeof kept.token === "string") {
      return kept.token;
    }
  } catch {
    // What can't be read is chosen anew.
  }
  const token = fresh();
  storage.setItem(CHOSEN, JSON.stringify({ host, name, token }));
  return token;
}

export function forgetChoice(storage: Storage): void {
  storage.removeItem(CHOSEN);
}
