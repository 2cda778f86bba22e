// The browser's `Backend`: one host, the one that served this page, over its WebSocket. It keeps the session and the
// outbox in the browser's storage and everything else in memory. It can't host, browse the network or keep a vault.

import type { Backend, Stop } from "./backend";
import type { ConnectionView } from "./bindings/ConnectionView";
import type { DeviceView } from "./bindings/DeviceView";
import type { Event } from "./bindings/Event";
import type { HostView } from "./bindings/HostView";
import type { InviteLinkView } from "./bindings/InviteLinkView";
import type { InviteView } from "./bindings/InviteView";
import type { JoinByView } from "./bindings/JoinByView";
import type { Member } from "./bindings/Member";
import type { PersonView } from "./bindings/PersonView";
import type { Registration } from "./bindings/Registration";
import type { Role } from "./bindings/Role";
import type { RoomSync } from "./bindings/RoomSync";
import type { RoomView } from "./bindings/RoomView";
import type { SignedIn } from "./bindings/SignedIn";
import type { SignIn } from "./bindings/SignIn";
import type { StartView } from "./bindings/StartView";
import type { StopView } from "./bindings/StopView";
import type { TimelineView } from "./bindings/TimelineView";
import type { UpdateView } from "./bindings/UpdateView";
import type { Visibility } from "./bindings/Visibility";
import type { Welcome } from "./bindings/Welcome";
import { asFailure, Refusal } from "./failure";
import { delay } from "./web/backoff";
import { nextId } from "./web/bytes";
import { deviceName } from "./web/device";
import {
  afterClose,
  CLOSE_SESSION_ENDED,
  isTemporary,
  PAGE_EVENTS,
  type Reply,
  SYNC_ROOMS,
  TEXT_BYTES,
} from "./web/frames";
import { linksOf } from "./web/invite";
import { Link } from "./web/link";
import { type Item, Outbox } from "./web/outbox";
import { forget, type Remembered, recall, remember, takeInvite } from "./web/remembered";
import { Replica } from "./web/replica";
import { rowOfItem } from "./web/rows";
import { wordsOf } from "./web/words";

const VERSION = "0.1.0";
/** How long an event may wait for those before it until they are asked for. */
const TORN_MS = 1_000;
const DAY_MS = 24 * 3600 * 1000;

export function openBrowserBackend(page: Window): Backend {
  return new BrowserBackend(page);
}

class BrowserBackend implements Backend {
  readonly kind = "browser";
  readonly #page: Window;
  readonly #url: string;
  readonly #listeners = new Set<(update: UpdateView) => void>();
  #invite: { host: string; token: string } | null;
  #kept: Remembered | null;
  #replica: Replica | null = null;
  #outbox: Outbox | null = null;
  #link: Link | null = null;
  /** Which run of the connection is the present one; an older one ends as soon as it notices. */
  #turn = 0;
  #active = false;
  #reason = "";
  #draining = false;
  #drainLater: ReturnType<typeof setTimeout> | undefined;
  #nudge: () => void = () => {};

  constructor(page: Window) {
    this.#page = page;
    this.#url = `${page.location.protocol === "https:" ? "wss" : "ws"}://${page.location.host}/ws`;
    this.#invite = takeInvite(page);
    this.#kept = recall(page.localStorage);
    if (this.#kept) {
      this.#settle(this.#kept.host.id);
    }
    page.addEventListener("online", () => this.#nudge());
    page.addEventListener("hashchange", () => {
      this.#invite = takeInvite(page) ?? this.#invite;
      this.#emit({ kind: "reload" });
    });
  }

  // --- Beginning and ending

  async subscribe(listener: (update: UpdateView) => void): Promise<Stop> {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<StartView> {
    if (this.#kept) {
      if (!this.#active) {
        void this.#run();
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

  joinHere(by: JoinByView): Promise<HostView> {
    return this.#signInBy(this.#meansOf(by));
  }

  signInAgain(_host: string, by: JoinByView): Promise<HostView> {
    return this.#signInBy(this.#meansOf(by));
  }

  async reconnect(): Promise<void> {
    this.#nudge();
  }

  async signOut(host: string): Promise<void> {
    const link = this.#link;
    this.#turn += 1;
    this.#active = false;
    this.#kept = null;
    forget(this.#page.localStorage);
    this.#outbox?.clear();
    this.#nudge();
    await link?.ask({ type: "sign_out" }, "done").catch(() => {});
    link?.close();
    this.#replica = this.#outbox = this.#link = null;
    this.#emit({ kind: "hostGone", host });
  }

  // --- Rooms and people

  async rooms(): Promise<RoomView[]> {
    return this.#replica?.rooms() ?? [];
  }

  async directory(): Promise<RoomView[]> {
    return (await this.#live().ask({ type: "directory" }, "rooms")).rooms;
  }

  async createRoom(_host: string, name: string, topic: string, visibility: Visibility): Promise<RoomView> {
    const { room } = await this.#live().ask({ type: "create_room", name, topic, visibility }, "room");
    this.#replica?.putRoom(room);
    return room;
  }

  async joinRoom(_host: string, id: string): Promise<RoomView> {
    const { room } = await this.#live().ask({ type: "join_room", room: id }, "room");
    this.#replica?.putRoom(room);
    return room;
  }

  async leaveRoom(_host: string, room: string): Promise<void> {
    await this.#live().ask({ type: "leave_room", room }, "done");
    this.#replica?.dropRoom(room);
  }

  async people(): Promise<PersonView[]> {
    return this.#replica?.people() ?? [];
  }

  // --- Messages

  async timeline(_host: string, room: string, before: number | null, limit: number): Promise<TimelineView> {
    const replica = this.#at();
    const whole = await this.#fill(replica, room, before, limit);
    const log = replica.log(room);
    const rows = log.page(before, limit).map((event) => replica.row(event));
    const me = this.#kept?.host.me;
    if (before === null && me) {
      rows.push(...(this.#outbox?.of(room) ?? []).map((item) => rowOfItem(item, me)));
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
    try {
      this.#outbox?.add(item);
    } catch {
      throw new Refusal("storage_full", "the browser's storage is full; make room and send again");
    }
    this.#showItem(item);
    void this.#drain();
    return item.message;
  }

  async retry(_host: string, message: string): Promise<void> {
    const item = this.#outbox?.get(message);
    if (item) {
      this.#keepItem({ ...item, failed: null });
      void this.#drain();
    }
  }

  async discard(host: string, message: string): Promise<void> {
    const item = this.#outbox?.remove(message);
    if (item) {
      this.#emit({ kind: "rows", host, room: item.room, put: [], removed: [message] });
    }
  }

  // --- Invites, devices, password

  async createInvite(host: string, role: Role, uses: number, days: number): Promise<InviteLinkView> {
    const request = { type: "create_invite", role, uses, life_ms: days * DAY_MS } as const;
    const { token } = await this.#live().ask(request, "invite_created");
    return linksOf(this.#page.location, host, token);
  }

  async invites(): Promise<InviteView[]> {
    const { invites } = await this.#live().ask({ type: "invites" }, "invites");
    return invites.map(({ id, role, uses_left, expires_at, by }) => {
      return { id, role, usesLeft: uses_left, expiresAt: expires_at, byName: this.#at().nameOf(by) };
    });
  }

  async revokeInvite(_host: string, invite: string): Promise<void> {
    await this.#live().ask({ type: "revoke_invite", invite }, "done");
  }

  async devices(): Promise<DeviceView[]> {
    const { devices } = await this.#live().ask({ type: "devices" }, "devices");
    return devices.map(({ id, name, since, last_seen, current }) => ({
      id,
      name,
      since,
      lastSeen: last_seen,
      current,
    }));
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

  // --- Of the desktop only

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

  // --- The connection

  #meansOf(by: JoinByView): SignIn {
    if (by.kind === "password") {
      return by;
    }
    const rest = { name: by.name, ...(by.password === null ? {} : { password: by.password }) };
    return this.#invite ? { kind: "invite", token: this.#invite.token, ...rest } : { kind: "register", ...rest };
  }

  async #signInBy(by: SignIn): Promise<HostView> {
    const link = await Link.open(this.#url);
    try {
      const welcome = await link.greet(VERSION);
      const expected = by.kind === "invite" ? this.#invite?.host : this.#kept?.host.id;
      if (expected !== undefined && expected !== welcome.host.id) {
        throw new Refusal(
          "key_changed",
          "another host answers here than the one you were invited to; ask for a new invite",
        );
      }
      this.#settle(welcome.host.id);
      const signed = await this.#signIn(link, welcome, by);
      this.#invite = null;
      void this.#run({ link, signed });
      return signed.view;
    } catch (refusal) {
      link.close();
      throw refusal;
    }
  }

  async #signIn(link: Link, welcome: Welcome, by: SignIn): Promise<{ view: HostView; answer: SignedIn }> {
    link.onpush = (reply) => this.#receive(reply);
    const device = deviceName(this.#page.navigator.userAgent);
    const answer = await link.ask({ type: "sign_in", by, device }, "signed_in");
    const view: HostView = {
      id: welcome.host.id,
      name: welcome.host.name,
      words: await wordsOf(welcome.host.id),
      hosted: false,
      addresses: [],
      state: { kind: "signingIn" },
      me: answer.member,
      online: this.#replica?.online() ?? 0,
      registration: answer.registration,
      hasPassword: answer.has_password,
    };
    const token = answer.token ?? this.#kept?.token;
    if (token) {
      this.#kept = { host: view, token };
      remember(this.#page.localStorage, this.#kept);
    }
    return { view, answer };
  }

  /** Stays connected until a person or the host says otherwise. */
  async #run(first?: { link: Link; signed: { answer: SignedIn } }): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const stale = this.#link;
    this.#active = true;
    let handed = first;
    this.#nudge();
    stale?.close();
    for (let attempt = 0; this.#active && turn === this.#turn; attempt += 1) {
      try {
        const { link, signed } = handed ?? (await this.#dial());
        handed = undefined;
        this.#link = link;
        await this.#catchUp(link, signed.answer);
        attempt = 0;
        this.#reason = "";
        this.#setState({ kind: "live" });
        void this.#drain();
        const code = await link.ended;
        if (afterClose(code) === "stayAway") {
          this.#stop(code === CLOSE_SESSION_ENDED ? "sessionEnded" : "version", "the host ended this connection");
        }
      } catch (thrown) {
        if (turn === this.#turn) {
          this.#giveUpOrGoOn(thrown);
        }
      }
      if (turn !== this.#turn) {
        return;
      }
      this.#link?.close();
      this.#link = null;
      if (this.#active) {
        await this.#pause(delay(attempt, Math.random()));
      }
    }
  }

  async #dial(): Promise<{ link: Link; signed: { answer: SignedIn } }> {
    this.#setState({ kind: "dialling" });
    const link = await Link.open(this.#url);
    try {
      const welcome = await link.greet(VERSION);
      if (!this.#kept || welcome.host.id !== this.#kept.host.id) {
        throw new Refusal("key_changed", "another host answers here than the one you signed in at");
      }
      this.#setState({ kind: "signingIn" });
      return { link, signed: await this.#signIn(link, welcome, { kind: "session", token: this.#kept.token }) };
    } catch (refusal) {
      link.close();
      throw refusal;
    }
  }

  async #catchUp(link: Link, answer: SignedIn): Promise<void> {
    const replica = this.#at();
    replica.setRooms(answer.rooms);
    await this.#loadMembers(link, replica);
    const cursors = answer.rooms.map((room) => ({ room: room.id, after: replica.log(room.id).last }));
    for (let from = 0; from < Math.max(1, cursors.length); from += SYNC_ROOMS) {
      const { rooms } = await link.ask({ type: "sync", cursors: cursors.slice(from, from + SYNC_ROOMS) }, "synced");
      for (const room of rooms) {
        this.#takeStretch(replica, room);
      }
    }
  }

  async #loadMembers(link: Link, replica: Replica): Promise<void> {
    const members: Member[] = [];
    for (let more = true; more; ) {
      const after = members.at(-1)?.id;
      const page = await link.ask({ type: "members", ...(after ? { after } : {}) }, "members");
      members.push(...page.members);
      more = page.more && page.members.length > 0;
    }
    replica.setMembers(members);
    this.#change({ online: replica.online() });
  }

  #giveUpOrGoOn(thrown: unknown): void {
    const { code, message } = asFailure(thrown);
    this.#reason = message;
    if (code === "session_ended" || code === "wrong_credentials") {
      this.#stop("sessionEnded", message);
    } else if (code === "key_changed") {
      this.#stop("keyChanged", message);
    }
  }

  #stop(reason: StopView, message: string): void {
    this.#active = false;
    this.#setState({ kind: "stopped", reason, message });
  }

  #pause(ms: number): Promise<void> {
    this.#setState({ kind: "waiting", retryAt: Date.now() + ms, reason: this.#reason });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#nudge = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // --- What comes in, what goes out

  #receive(reply: Reply): void {
    const replica = this.#replica;
    if (!replica) {
      return;
    }
    switch (reply.type) {
      case "event":
        this.#take(replica, reply.event);
        break;
      case "member":
        replica.putMember(reply.member);
        if (reply.member.id === this.#kept?.host.me?.id) {
          this.#change({ me: reply.member });
        }
        break;
      case "presence":
        replica.setPresence(reply.online, reply.offline);
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

  #takeStretch(replica: Replica, stretch: RoomSync): void {
    this.#delivered(stretch.events);
    replica.catchUp(stretch);
  }

  /** What stands in the log has been delivered, whether its answer came or was lost. */
  #delivered(events: readonly Event[]): void {
    for (const { change } of events) {
      if (change.kind === "posted") {
        this.#outbox?.remove(change.message);
      }
    }
  }

  #take(replica: Replica, event: Event): void {
    this.#delivered([event]);
    if (!replica.receive(event)) {
      setTimeout(() => void this.#mend(replica, event.room), TORN_MS);
    }
  }

  /** Fetches what lies between the log's end and the events that wait beyond it. */
  async #mend(replica: Replica, room: string): Promise<void> {
    const log = replica.log(room);
    const link = this.#link;
    if (!link || !log.torn) {
      return;
    }
    const range = log.last > 0 ? { after: log.last } : {};
    const page = await link.ask({ type: "history", room, ...range, limit: PAGE_EVENTS }, "history").catch(() => null);
    if (page) {
      this.#takeStretch(replica, page);
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
      log.catchUp(newest);
    }
    while (log.first > 1 && log.page(before, limit).length < limit) {
      const older = await this.#history(room, { before: log.first });
      if (!older || older.length === 0) {
        return false;
      }
      log.prepend(older);
    }
    return true;
  }

  async #history(room: string, range: { before?: number }): Promise<Event[] | null> {
    try {
      return (await this.#live().ask({ type: "history", room, ...range, limit: PAGE_EVENTS }, "history")).events;
    } catch {
      return null;
    }
  }

  /** Delivers what waits, in order per room, until nothing is due or the host can't take it now. */
  async #drain(): Promise<void> {
    if (this.#draining) {
      return;
    }
    this.#draining = true;
    try {
      for (let due = this.#dueItems(); due.length > 0; due = this.#dueItems()) {
        const taken = await Promise.all(due.map((item) => this.#post(item)));
        if (taken.includes(false)) {
          break;
        }
      }
    } finally {
      this.#draining = false;
    }
  }

  #dueItems(): Item[] {
    return this.#link && this.#kept?.host.state.kind === "live" ? (this.#outbox?.due() ?? []) : [];
  }

  /** False when it has to be tried again later. */
  async #post({ message, room, text }: Item): Promise<boolean> {
    const replica = this.#at();
    try {
      const posted = await this.#live().ask({ type: "post", room, message, text }, "posted");
      if (!this.#outbox?.get(message)) {
        // Its event was faster than this answer.
        return true;
      }
      const by = this.#kept?.host.me?.id ?? "";
      if (posted.seq <= replica.log(room).last) {
        // It was taken before, further back than this page looks: its echo goes, its event is where it belongs.
        this.#outbox?.remove(message);
        this.#emit({ kind: "reset", host: replica.host, room });
        return true;
      }
      this.#take(replica, { room, seq: posted.seq, at: posted.at, by, change: { kind: "posted", message, text } });
      return true;
    } catch (thrown) {
      const { code, message: reason } = asFailure(thrown);
      const item = this.#outbox?.get(message);
      if (code === "disconnected" || code === "timeout" || isTemporary(code)) {
        clearTimeout(this.#drainLater);
        const wait = (thrown instanceof Refusal && thrown.retryAfterMs) || delay(3, Math.random());
        this.#drainLater = setTimeout(() => void this.#drain(), wait);
        return false;
      }
      if (item) {
        this.#keepItem({ ...item, failed: { code, message: reason } });
      }
      return true;
    }
  }

  #keepItem(item: Item): void {
    this.#outbox?.add(item);
    this.#showItem(item);
  }

  #showItem(item: Item): void {
    const host = this.#kept?.host;
    if (host?.me) {
      this.#emit({ kind: "rows", host: host.id, room: item.room, put: [rowOfItem(item, host.me)], removed: [] });
    }
  }

  // --- State

  #settle(host: string): void {
    if (this.#replica?.host !== host) {
      this.#replica = new Replica(host, (update) => this.#emit(update));
      this.#outbox = new Outbox(this.#page.localStorage, host);
    }
  }

  #setState(state: ConnectionView): void {
    this.#change({ state });
  }

  #change(part: Partial<HostView>): void {
    if (this.#kept) {
      this.#kept = { ...this.#kept, host: { ...this.#kept.host, ...part } };
      this.#emit({ kind: "host", host: this.#kept.host });
    }
  }

  #at(): Replica {
    if (!this.#replica) {
      throw new Refusal("not_signed_in", "sign in first");
    }
    return this.#replica;
  }

  #live(): Link {
    if (!this.#link) {
      throw new Refusal("disconnected", "the host can not be reached at the moment; try again when it is back");
    }
    return this.#link;
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
