// What the window asks of whatever is behind it. Two implementations: `tauri.ts` on the desktop, `web.ts` in a browser
// that a host serves. The window sees nothing else: no socket, no command, no storage.
// Every promise may reject with a `FailureView` (code for programs, message for people).

import type { DeviceView } from "./bindings/DeviceView";
import type { FindingView } from "./bindings/FindingView";
import type { HostView } from "./bindings/HostView";
import type { InviteLinkView } from "./bindings/InviteLinkView";
import type { InviteView } from "./bindings/InviteView";
import type { JoinByView } from "./bindings/JoinByView";
import type { PersonView } from "./bindings/PersonView";
import type { ProbeView } from "./bindings/ProbeView";
import type { Registration } from "./bindings/Registration";
import type { Role } from "./bindings/Role";
import type { RoomView } from "./bindings/RoomView";
import type { SlotView } from "./bindings/SlotView";
import type { StartView } from "./bindings/StartView";
import type { TimelineView } from "./bindings/TimelineView";
import type { UpdateView } from "./bindings/UpdateView";
import type { Visibility } from "./bindings/Visibility";

export type Stop = () => void;

export interface Backend {
  /** `desktop` can host, browse the network and keep a vault; `browser` talks to the host that served the page. */
  readonly kind: "desktop" | "browser";

  /** Takes the listener before anything is read, so that nothing falls between snapshot and updates. */
  subscribe(listener: (update: UpdateView) => void): Promise<Stop>;
  start(): Promise<StartView>;
  /** Opens a locked vault. */
  unlock(way: "passphrase" | "recovery", secret: string): Promise<StartView>;
  /** Makes the vault with a passphrase, where there is no keyring. Desktop only. */
  prepare(passphrase: string): Promise<StartView>;

  // Hosting and joining. Desktop only, but for `joinHere`.
  host(name: string, owner: string): Promise<HostView>;
  /** While on, `found` updates say what is on the network. */
  browse(on: boolean): Promise<void>;
  doctor(): Promise<FindingView[]>;
  /** Reads an invite or an address, contacts the host and says who answers. Sends no credential. */
  look(text: string): Promise<ProbeView>;
  /** Joins what `look` showed: the same text, and the id that the person has agreed to. */
  join(text: string, expect: string, by: JoinByView): Promise<HostView>;
  /** Signs in at the host that served this page (its invite, if any, is in the page's address). Browser only. */
  joinHere(by: JoinByView): Promise<HostView>;

  rooms(host: string): Promise<RoomView[]>;
  directory(host: string): Promise<RoomView[]>;
  createRoom(host: string, name: string, topic: string, visibility: Visibility): Promise<RoomView>;
  joinRoom(host: string, room: string): Promise<RoomView>;
  leaveRoom(host: string, room: string): Promise<void>;
  people(host: string): Promise<PersonView[]>;

  /** The newest page, or the one before `before`; local first, fetched where it is missing. */
  timeline(host: string, room: string, before: number | null, limit: number): Promise<TimelineView>;
  /** Resolves with the message id once it is safe in the outbox; its row arrives as an update. */
  send(host: string, room: string, text: string): Promise<string>;
  retry(host: string, message: string): Promise<void>;
  discard(host: string, message: string): Promise<void>;

  /** Signs in again at a host that ended this device's session; what is stored here stays. */
  signInAgain(host: string, by: JoinByView): Promise<HostView>;
  /** Tries a waiting connection now. */
  reconnect(host: string): Promise<void>;
  signOut(host: string): Promise<void>;

  createInvite(host: string, role: Role, uses: number, days: number): Promise<InviteLinkView>;
  invites(host: string): Promise<InviteView[]>;
  revokeInvite(host: string, invite: string): Promise<void>;
  devices(host: string): Promise<DeviceView[]>;
  revokeDevice(host: string, device: string): Promise<void>;
  setPassword(host: string, current: string | null, next: string): Promise<void>;
  setRegistration(host: string, registration: Registration): Promise<void>;

  // The vault of this installation. Desktop only.
  slots(): Promise<SlotView[]>;
  /** A new recovery code, to be shown once; it counts only after `confirmRecoveryCode`. */
  newRecoveryCode(): Promise<string>;
  confirmRecoveryCode(typed: string): Promise<void>;
  setPassphrase(passphrase: string): Promise<void>;

  copy(text: string): Promise<void>;
  /** Opens an http(s) or mailto address outside of Hearth. */
  openLink(url: string): Promise<void>;
}
