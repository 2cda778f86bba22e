// The browser's `Backend`: one host, the one that served this page, over its WebSocket. It keeps the session and the
// outbox in the browser's storage and everything else in memory. It can't host, browse the network or keep a vault.

import type { Backend, Stop } from "./backend";
import type { DeviceView } from "./bindings/DeviceView";
import type { Event } from "./bindings/Event";
import type { HostView } from "./bindings/HostView";
import type { InviteLinkView } from "./bindings/InviteLinkView";
import type { InviteView } from "./bindings/InviteView";
import type { JoinByView } from "./bindings/JoinByView";
import type { PersonView } from "./bindings/PersonView";
import type { Registration } from "./bindings/Registration";
import type { Role } from "./bindings/Role";
import type { RoomView } from "./bindings/RoomView";
import type { SignIn } from "./bindings/SignIn";
import type { StartView } from "./bindings/StartView";
import type { TimelineView } from "./bindings/TimelineView";
import type { UpdateView } from "./bindings/UpdateView";
import type { Visibility } from "./bindings/Visibility";
import type { Welcome } from "./bindings/Welcome";
import { Refusal } from "./failure";
import { nextId, toBase64Url } from "./web/bytes";
import { Connection, type Opened } from "./web/connection";
import { Delivery } from "./web/delivery";
import { deviceName } from "./web/device";
import { PAGE_EVENTS, type Reply, TEXT_BYTES } from "./web/frames";
import { linksOf } from "./web/invite";
import { Link } from "./web/link";
import { type Item, Outbox } from "./web/outbox";
import * as remembered from "./web/remembered";
import { Replica } from "./web/replica";
import { rowOfItem } from "./web/rows";
import { askDirectory, askMembers, askNews } from "./web/sync";
import { wordsOf } from "./web/words";

const VERSION = "0.1.0";
/** How long an event may wait for those before it until they are asked for. */
const TORN_MS = 1_000;
const DAY_MS = 24 * 3600 * 1000;

export function openBrowserBackend(page: Window): Backend {
  return new BrowserBackend(page);
}

/** What belongs to one host, from the first sign-in to the sign-out. */
interface Stay {
  readonly replica: Replica;
  readonly delivery: Delivery;
}

class BrowserBackend implements Backend {
  readonly kind = "browser";
  readonly #page: Window;
  readonly #url: string;
  readonly #listeners = new Set<(update: UpdateView) => void>();
  readonly #connection: Connection;
  #invite: { host: string; token: string } | null;
  #kept: remembered.Remembered | null;
  #stay: Stay | null = null;

  constructor(page: Window) {
    this.#page = page;
    this.#url = `${page.location.protocol === "https:" ? "wss" : "ws"}://${page.location.host}/ws`;
    this.#connection = new Connection({
      dial: () => this.#dial(),
      catchUp: (opened) => this.#catchUp(opened),
      changed: (state) => {
        this.#change({ state });
        if (state.kind === "live") void this.#stay?.delivery.drain();
      },
    });
    this.#invite = remembered.takeInvite(page);
    this.#kept = remembered.recall(page.localStorage);
    if (this.#kept) {
      this.#settle(this.#kept.host.id);
    }
    page.addEventListener("online", () => this.#connection.nudge());
    page.addEventListener("hashchange", () => {
      this.#invite = remembered.takeInvite(page) ?? this.#invite;
      this.#emit({ kind: "reload" });
    });
  }

  // Beginning and ending.

  async subscribe(listener: (update: UpdateView) => void): Promise<Stop> {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<StartView> {
    if (this.#kept) {
      if (!this.#connection.active) {
        void this.#connection.run();
      }
      return { kind: "open", hosts: [this.#kept.host] };
    }
    const link = await Link.open(this.#url);
    try {
      const { host, registration } = await link.greet(VERSION);
      const invited = this.#invite?.host === host.id;
      const card = { id: host.id, name: host.name, words: await wordsOf(host.id) };
      return { kind: "signIn", host: card, invited, registration };
    } finally {
      link.close();
    }
  }

  async joinHere(by: JoinByView): Promise<HostView> {
    const means = this.#meansOf(by);
    const link = await Link.open(this.#url);
    try {
      const welcome = await link.greet(VERSION);
      this.#expect(welcome, means.kind === "invite" ? this.#invite?.host : this.#kept?.host.id);
      this.#settle(welcome.host.id);
      const code = by.kind === "password" ? by.code : undefined;
      const opened = await this.#signIn(link, welcome, means, code);
      this.#invite = null;
      void this.#connection.run(opened);
      return this.#here().host;
    } catch (refusal) {
      link.close();
      throw refusal;
    }
  }

  signInAgain(_host: string, by: JoinByView): Promise<HostView> {
    return this.joinHere(by);
  }

  async reconnect(): Promise<void> {
    if (this.#connection.active) {
      this.#connection.nudge();
    } else if (this.#kept) {
      void this.#connection.run();
    }
  }

  async signOut(host: string): Promise<void> {
    const link = this.#connection.end();
    this.#stay?.delivery.forget();
    this.#kept = this.#stay = null;
    remembered.forget(this.#page.localStorage);
    await link?.ask({ type: "sign_out" }, "done").catch(() => {});
    link?.close();
    this.#emit({ kind: "hostGone", host });
  }

  // Rooms and people.

  async rooms(): Promise<RoomView[]> {
    return this.#stay?.replica.rooms() ?? [];
  }

  async directory(): Promise<RoomView[]> {
    return askDirectory(this.#live());
  }

  async createRoom(_host: string, name: string, topic: string, visibility: Visibility): Promise<RoomView> {
    const { room } = await this.#live().ask({ type: "create_room", name, topic, visibility }, "room");
    this.#stay?.replica.putRoom(room);
    return room;
  }

  async joinRoom(_host: string, id: string): Promise<RoomView> {
    const { room } = await this.#live().ask({ type: "join_room", room: id }, "room");
    this.#stay?.replica.putRoom(room);
    return room;
  }

  async leaveRoom(_host: string, room: string): Promise<void> {
    await this.#live().ask({ type: "leave_room", room }, "done");
    this.#stay?.replica.dropRoom(room);
  }

  async people(): Promise<PersonView[]> {
    return this.#stay?.replica.people() ?? [];
  }

  // Messages.

  async timeline(_host: string, room: string, before: number | null, limit: number): Promise<TimelineView> {
    const { replica, delivery } = this.#staying();
    const whole = await this.#fill(replica, room, before, limit);
    const rows = replica
      .log(room)
      .page(before, limit)
      .map((event) => replica.row(event));
    const me = this.#kept?.host.me;
    if (before === null && me) {
      rows.push(...delivery.waiting(room).map((item) => rowOfItem(item, me)));
    }
    const first = rows.find((row) => row.seq !== null)?.seq;
    const atStart = first === undefined ? before !== null || replica.head(room) === 0 : first === 1;
    return { rows, atStart, gap: !whole };
  }

  async send(_host: string, room: string, text: string): Promise<string> {
    if (new TextEncoder().encode(text).length > TEXT_BYTES) {
      throw new Refusal("out_of_bounds", "this is longer than one message can be; send it in parts");
    }
    const item: Item = { message: nextId(), room, text, at: Date.now(), failed: null };
    const { delivery } = this.#staying();
    try {
      delivery.put(item);
    } catch {
      throw new Refusal("storage_full", "the browser's storage is full; make room and send again");
    }
    return item.message;
  }

  async retry(_host: string, message: string): Promise<void> {
    this.#staying().delivery.retry(message);
  }

  async discard(host: string, message: string): Promise<void> {
    const item = this.#staying().delivery.discard(message);
    if (item) {
      this.#emit({ kind: "rows", host, room: item.room, put: [], removed: [message] });
    }
  }

  // Invites, devices, password.

  async createInvite(host: string, role: Role, uses: number, days: number): Promise<InviteLinkView> {
    const request = { type: "create_invite", role, uses, life_ms: days * DAY_MS } as const;
    const { token } = await this.#live().ask(request, "invite_created");
    return linksOf(this.#page.location, host, token);
  }

  async invites(): Promise<InviteView[]> {
    const { replica } = this.#staying();
    const { invites } = await this.#live().ask({ type: "invites" }, "invites");
    return invites.map(({ id, role, uses_left, expires_at, by }) => {
      return { id, role, usesLeft: uses_left, expiresAt: expires_at, byName: replica.nameOf(by) };
    });
  }

  async revokeInvite(_host: string, invite: string): Promise<void> {
    await this.#live().ask({ type: "revoke_invite", invite }, "done");
  }

  async devices(): Promise<DeviceView[]> {
    const { devices } = await this.#live().ask({ type: "devices" }, "devices");
    return devices.map(({ last_seen, ...device }) => ({ ...device, lastSeen: last_seen }));
  }

  async revokeDevice(_host: string, device: string): Promise<void> {
    await this.#live().ask({ type: "revoke_device", device }, "done");
  }

  async setPassword(_host: string, current: string | null, next: string): Promise<void> {
    await this.#live().ask({ type: "set_password", ...(current === null ? {} : { current }), new: next }, "done");
    this.#change({ hasPassword: true });
  }

  async setRegistration(_host: string, registration: Registration): Promise<void> {
    await this.#live().ask({ type: "set_registration", registration }, "done");
    this.#change({ registration });
  }

  // Of the desktop only.

  host = notHere;
  browse = notHere;
  doctor = notHere;
  look = notHere;
  join = notHere;
  unlock = notHere;
  prepare = notHere;
  newRecoveryCode = notHere;
  confirmRecoveryCode = notHere;
  setPassphrase = notHere;

  async slots(): Promise<[]> {
    return [];
  }

  async copy(text: string): Promise<void> {
    try {
      await this.#page.navigator.clipboard.writeText(text);
    } catch {
      throw new Refusal("clipboard", "the browser does not let this page copy; select the text and copy it");
    }
  }

  async openLink(url: string): Promise<void> {
    this.#page.open(url, "_blank", "noopener,noreferrer");
  }

  // Signing in and catching up.

  #meansOf(by: JoinByView): SignIn {
    if (by.kind === "password") {
      return { kind: "password", name: by.name, password: by.password };
    }
    const rest = { name: by.name, ...(by.password === null ? {} : { password: by.password }) };
    return this.#invite ? { kind: "invite", token: this.#invite.token, ...rest } : { kind: "register", ...rest };
  }

  #expect(welcome: Welcome, host: string | undefined): void {
    if (host !== undefined && host !== welcome.host.id) {
      const message =
        "another host answers here than the one you were told; nothing was sent to it, ask for a new invite";
      throw new Refusal("key_changed", message);
    }
  }

  async #dial(): Promise<Opened> {
    const link = await Link.open(this.#url);
    try {
      const welcome = await link.greet(VERSION);
      const { host, token } = this.#here();
      this.#expect(welcome, host.id);
      if (welcome.moved) {
        // The old place serves nothing but the way to the new one, so loading the page again leads there.
        this.#page.location.reload();
        throw new Refusal("stopping", "this host has moved, and the page follows it");
      }
      this.#change({ state: { kind: "signingIn" } });
      return await this.#signIn(link, welcome, { kind: "session", token });
    } catch (refusal) {
      link.close();
      throw refusal;
    }
  }

  async #signIn(link: Link, welcome: Welcome, by: SignIn, code?: string): Promise<Opened> {
    const { localStorage: storage, navigator } = this.#page;
    const fresh = () => toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
    const token = by.kind === "session" ? by.token : remembered.chooseToken(storage, welcome.host.id, by.name, fresh);
    link.onpush = (reply) => this.#receive(reply);
    const asked = { type: "sign_in", by, device: deviceName(navigator.userAgent) } as const;
    const request = code === undefined ? asked : { ...asked, code };
    const answer = await link.ask(by.kind === "session" ? request : { ...request, session: token }, "signed_in");
    if (this.#kept?.host.me && this.#kept.host.me.id !== answer.member.id) {
      // Somebody else signed in here: what the one before wrote or read is not theirs.
      this.#stay?.delivery.forget();
      this.#stay = null;
      this.#settle(welcome.host.id);
    }
    const host: HostView = {
      id: welcome.host.id,
      name: welcome.host.name,
      words: await wordsOf(welcome.host.id),
      hosted: false,
      addresses: [],
      state: { kind: "signingIn" },
      me: answer.member,
      online: this.#stay?.replica.online() ?? 0,
      registration: answer.registration,
      hasPassword: answer.has_password,
    };
    this.#kept = { host, token: answer.token ?? token };
    remembered.remember(storage, this.#kept);
    remembered.forgetChoice(storage);
    return { link, answer };
  }

  async #catchUp({ link, answer }: Opened): Promise<void> {
    if (answer.second_factor_missing) {
      // That it names no room says nothing of mine.
      throw new Refusal("second_factor_missing", "this host asks for a second factor of you first; set one up");
    }
    const { replica } = this.#staying();
    replica.setRooms(answer.rooms);
    replica.setMembers(await askMembers(link));
    this.#change({ online: replica.online() });
    const cursors = answer.rooms.map((room) => ({ room: room.id, after: replica.log(room.id).last }));
    for (const news of await askNews(link, cursors)) {
      this.#takeStretch(news);
    }
  }

  // What comes in.

  #receive(reply: Reply): void {
    const replica = this.#stay?.replica;
    if (!replica) {
      return;
    }
    switch (reply.type) {
      case "event":
        this.#take(reply.event);
        break;
      case "member":
        replica.putMember(reply.member);
        if (reply.member.id === this.#kept?.host.me?.id) {
          this.#change({ me: reply.member });
        }
        break;
      case "presence":
        replica.setPresence([...reply.online, ...(reply.idle ?? []), ...(reply.busy ?? [])], reply.offline);
        this.#change({ online: replica.online() });
        break;
      case "room":
        replica.putRoom(reply.room);
        break;
      case "room_gone":
        replica.dropRoom(reply.room);
        break;
    }
  }

  #take(event: Event): void {
    const { replica, delivery } = this.#staying();
    delivery.delivered([event]);
    if (!replica.receive(event)) {
      setTimeout(() => void this.#mend(replica, event.room), TORN_MS);
    }
  }

  #takeStretch(stretch: { room: string; events: Event[]; head: number }): void {
    const { replica, delivery } = this.#staying();
    delivery.delivered(stretch.events);
    replica.catchUp(stretch);
  }

  /** Fetches what lies between the log's end and the events that wait beyond it. */
  async #mend(replica: Replica, room: string): Promise<void> {
    const log = replica.log(room);
    const link = this.#connection.link;
    if (!link || !log.torn || replica !== this.#stay?.replica) {
      return;
    }
    const range = log.last > 0 ? { after: log.last } : {};
    const page = await link.ask({ type: "history", room, ...range, limit: PAGE_EVENTS }, "history").catch(() => null);
    if (page) {
      this.#takeStretch(page);
    }
  }

  /** Sees that the page before `before` is in the log. False when some of it could not be fetched. */
  async #fill(replica: Replica, room: string, before: number | null, limit: number): Promise<boolean> {
    const log = replica.log(room);
    if (log.last === 0 && replica.head(room) > 0) {
      const newest = await this.#history(room, {});
      if (!newest) {
        return false;
      }
      log.catchUp(newest.events);
    }
    while (log.first > 1 && log.page(before, limit).length < limit) {
      const older = await this.#history(room, { before: log.first });
      if (!older || older.events.length === 0) {
        return false;
      }
      log.prepend(older.events, older.head);
    }
    return true;
  }

  async #history(room: string, range: { before?: number }): Promise<{ events: Event[]; head: number } | null> {
    try {
      return await this.#live().ask({ type: "history", room, ...range, limit: PAGE_EVENTS }, "history");
    } catch {
      return null;
    }
  }

  // State.

  #settle(host: string): void {
    if (this.#stay?.replica.host === host) {
      return;
    }
    const replica = new Replica(host, (update) => this.#emit(update));
    const delivery = new Delivery(new Outbox(this.#page.localStorage, host), {
      live: () => (this.#kept?.host.state.kind === "live" ? this.#connection.link : null),
      show: (item) => this.#showItem(item),
      taken: (item, seq, at) => this.#placeItem(replica, item, seq, at),
    });
    this.#stay = { replica, delivery };
  }

  #showItem(item: Item): void {
    const host = this.#kept?.host;
    if (host?.me) {
      this.#emit({ kind: "rows", host: host.id, room: item.room, put: [rowOfItem(item, host.me)], removed: [] });
    }
  }

  /** An item became an event; one that lies further back than this page looks only loses its echo. */
  #placeItem(replica: Replica, { room, message, text }: Item, seq: number, at: number): void {
    if (seq <= replica.log(room).last) {
      this.#emit({ kind: "reset", host: replica.host, room });
      return;
    }
    const by = this.#kept?.host.me?.id ?? "";
    this.#take({ room, seq, at, by, change: { kind: "posted", message, text } });
  }

  #change(part: Partial<HostView>): void {
    if (this.#kept) {
      this.#kept = { ...this.#kept, host: { ...this.#kept.host, ...part } };
      this.#emit({ kind: "host", host: this.#kept.host });
    }
  }

  #here(): remembered.Remembered {
    if (!this.#kept) {
      throw new Refusal("not_signed_in", "sign in first");
    }
    return this.#kept;
  }

  #staying(): Stay {
    if (!this.#stay) {
      throw new Refusal("not_signed_in", "sign in first");
    }
    return this.#stay;
  }

  #live(): Link {
    if (!this.#connection.link) {
      throw new Refusal("disconnected", "the host can not be reached at the moment; try again when it is back");
    }
    return this.#connection.link;
  }

  #emit(update: UpdateView): void {
    for (const listener of this.#listeners) {
      listener(update);
    }
  }
}

function notHere(): Promise<never> {
  return Promise.reject(new Refusal("not_here", "this is for the desktop app"));
}
