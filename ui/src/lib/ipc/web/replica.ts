// What this page knows of the host: members, rooms, and each room's log as far as it was needed. Nothing of it is kept
// after the page; the outbox is.

import type { Event } from "../bindings/Event";
import type { Member } from "../bindings/Member";
import type { PersonView } from "../bindings/PersonView";
import type { Room } from "../bindings/Room";
import type { RoomSync } from "../bindings/RoomSync";
import type { RoomView } from "../bindings/RoomView";
import type { RowView } from "../bindings/RowView";
import type { UpdateView } from "../bindings/UpdateView";
import { RoomLog } from "./log";
import { rowOfEvent } from "./rows";

export class Replica {
  readonly host: string;
  readonly #emit: (update: UpdateView) => void;
  readonly #members = new Map<string, Member>();
  readonly #rooms = new Map<string, Room>();
  readonly #logs = new Map<string, RoomLog>();

  constructor(host: string, emit: (update: UpdateView) => void) {
    this.host = host;
    this.#emit = emit;
  }

  log(room: string): RoomLog {
    const log = this.#logs.get(room) ?? new RoomLog();
    this.#logs.set(room, log);
    return log;
  }

  head(room: string): number {
    return this.#rooms.get(room)?.head ?? 0;
  }

  rooms(): RoomView[] {
    return [...this.#rooms.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Those who are members now; who is put aside or gone keeps a name under what they wrote, and no more. */
  people(): PersonView[] {
    const here = [...this.#members.values()].filter(({ standing }) => (standing ?? "active") === "active");
    return here.sort((a, b) => a.name.localeCompare(b.name));
  }

  online(): number {
    return this.people().filter((person) => person.online).length;
  }

  nameOf(member: string): string {
    return this.#members.get(member)?.name ?? "…";
  }

  row(event: Event): RowView {
    return rowOfEvent(event, (member) => this.nameOf(member));
  }

  setRooms(rooms: readonly Room[]): void {
    this.#rooms.clear();
    for (const room of rooms) {
      this.#rooms.set(room.id, room);
    }
    this.#tellRooms();
  }

  putRoom(room: Room): void {
    this.#rooms.set(room.id, room);
    this.#tellRooms();
  }

  dropRoom(room: string): void {
    this.#rooms.delete(room);
    this.#logs.delete(room);
    this.#tellRooms();
  }

  /** Replaces all members; names that rows could not say before are said now. */
  setMembers(members: readonly Member[]): void {
    const unnamed = members.some((member) => !this.#members.has(member.id));
    this.#members.clear();
    for (const member of members) {
      this.#members.set(member.id, member);
    }
    this.#tellPeople();
    if (unnamed) {
      for (const room of this.#logs.keys()) {
        this.#emit({ kind: "reset", host: this.host, room });
      }
    }
  }

  putMember(member: Member): void {
    this.#members.set(member.id, member);
    this.#tellPeople();
  }

  setPresence(online: readonly string[], offline: readonly string[]): void {
    for (const [ids, here] of [
      [online, true],
      [offline, false],
    ] as const) {
      for (const id of ids) {
        const member = this.#members.get(id);
        if (member) {
          this.#members.set(id, { ...member, online: here });
        }
      }
    }
    this.#tellPeople();
  }

  /** An event of the present. False when something before it is missing and has to be fetched. */
  receive(event: Event): boolean {
    const log = this.log(event.room);
    this.#show(event.room, log.append(event));
    return !log.torn;
  }

  catchUp(sync: RoomSync): void {
    const log = this.log(sync.room);
    const wasEmpty = log.last === 0;
    const { fresh, replaced } = log.catchUp(sync.events);
    if (replaced || wasEmpty) {
      this.#raiseHead(sync.room, sync.head);
      this.#emit({ kind: "reset", host: this.host, room: sync.room });
    } else {
      this.#show(sync.room, fresh);
    }
  }

  #show(room: string, fresh: readonly Event[]): void {
    if (fresh.length === 0) {
      return;
    }
    this.#raiseHead(room, fresh.at(-1)?.seq ?? 0);
    const log = this.log(room);
    const changed = fresh.map((event) => log.change(event)).filter((event) => event !== null);
    const put = [...fresh, ...changed].map((event) => this.row(event));
    this.#emit({ kind: "rows", host: this.host, room, put, removed: [] });
  }

  #raiseHead(id: string, head: number): void {
    const room = this.#rooms.get(id);
    if (room && room.head < head) {
      this.#rooms.set(id, { ...room, head });
    }
  }

  #tellRooms(): void {
    this.#emit({ kind: "rooms", host: this.host, rooms: this.rooms() });
  }

  #tellPeople(): void {
    this.#emit({ kind: "people", host: this.host, people: this.people() });
  }
}
