// A double of the boundary, for component tests only: it records what was asked and answers what a test says.

import { vi } from "vitest";

import type { Backend } from "../../src/lib/ipc/backend";
import type { HostView } from "../../src/lib/ipc/bindings/HostView";
import type { PersonView } from "../../src/lib/ipc/bindings/PersonView";
import type { RoomView } from "../../src/lib/ipc/bindings/RoomView";
import type { UpdateView } from "../../src/lib/ipc/bindings/UpdateView";

export const alice: PersonView = { id: "alice", name: "Alice", role: "owner", online: true };
export const bob: PersonView = { id: "bob", name: "Bob", role: "member", online: false };
export const general: RoomView = {
  id: "general",
  name: "general",
  topic: "",
  visibility: "public",
  head: 0,
  members: 2,
};

export function hostView(part: Partial<HostView> = {}): HostView {
  return {
    id: "a".repeat(64),
    name: "Atelier Nord",
    words: "maple-orbit-canyon-river-lantern-pine",
    hosted: true,
    addresses: ["192.168.1.20:7717"],
    state: { kind: "live" },
    me: alice,
    online: 2,
    registration: "open",
    hasPassword: false,
    ...part,
  };
}

export interface Double {
  backend: Backend;
  /** Tells the window that something changed. */
  push: (update: UpdateView) => void;
}

export function double(part: Partial<Backend> = {}): Double {
  let listener: (update: UpdateView) => void = () => {};
  const refuse = (name: string) =>
    vi.fn(() => Promise.reject({ code: "internal", message: `${name} was not expected` }));
  const methods = [
    "unlock",
    "prepare",
    "host",
    "doctor",
    "look",
    "join",
    "joinHere",
    "directory",
    "createRoom",
    "joinRoom",
    "leaveRoom",
    "retry",
    "discard",
    "signInAgain",
    "reconnect",
    "signOut",
    "createInvite",
    "revokeInvite",
    "revokeDevice",
    "setPassword",
    "setRegistration",
    "newRecoveryCode",
    "confirmRecoveryCode",
    "setPassphrase",
    "copy",
    "openLink",
  ] as const;
  const backend = {
    kind: "desktop",
    ...Object.fromEntries(methods.map((name) => [name, refuse(name)])),
    subscribe: vi.fn(async (take: (update: UpdateView) => void) => {
      listener = take;
      return () => {};
    }),
    start: vi.fn(async () => ({ kind: "open", hosts: [hostView()] })),
    browse: vi.fn(async () => {}),
    rooms: vi.fn(async () => [general]),
    people: vi.fn(async () => [alice, bob]),
    timeline: vi.fn(async () => ({ rows: [], atStart: true, gap: false })),
    send: vi.fn(async () => "message"),
    invites: vi.fn(async () => []),
    devices: vi.fn(async () => []),
    slots: vi.fn(async () => []),
    ...part,
  } as unknown as Backend;
  return { backend, push: (update) => listener(update) };
}
