// A joined host as the window shows it: its state, rooms, people, and the room that is open.

import type { Backend } from "../ipc/backend";
import type { HostView } from "../ipc/bindings/HostView";
import type { PersonView } from "../ipc/bindings/PersonView";
import type { RoomView } from "../ipc/bindings/RoomView";
import { Timeline } from "../timeline/timeline.svelte";

const LAST_ROOM = "hearth.room.";

export class JoinedHost {
  view: HostView = $state.raw() as HostView;
  rooms: readonly RoomView[] = $state.raw([]);
  people: readonly PersonView[] = $state.raw([]);
  loaded = $state(false);
  #chosen: string | null = $state(null);
  readonly #timelines = new Map<string, Timeline>();
  readonly #backend: Backend;

  readonly room: RoomView | null = $derived(
    this.rooms.find((room) => room.id === this.#chosen) ?? this.rooms[0] ?? null,
  );
  readonly live: boolean = $derived(this.view.state.kind === "live");
  readonly canManage: boolean = $derived(this.view.me?.role === "owner" || this.view.me?.role === "admin");

  constructor(backend: Backend, view: HostView) {
    this.#backend = backend;
    this.view = view;
    this.#chosen = localStorage.getItem(LAST_ROOM + view.id);
  }

  async load(): Promise<void> {
    const before = { rooms: this.rooms, people: this.people };
    const [rooms, people] = await Promise.all([this.#backend.rooms(this.view.id), this.#backend.people(this.view.id)]);
    // An update that came meanwhile is newer than the answer to a question asked before it.
    if (this.rooms === before.rooms) {
      this.rooms = rooms;
    }
    if (this.people === before.people) {
      this.people = people;
    }
    this.loaded = true;
  }

  open(room: string): void {
    this.#chosen = room;
    localStorage.setItem(LAST_ROOM + this.view.id, room);
  }

  timeline(room: string): Timeline {
    const known = this.#timelines.get(room);
    if (known) {
      return known;
    }
    const timeline = new Timeline(this.#backend, this.view.id, room);
    this.#timelines.set(room, timeline);
    void timeline.load();
    return timeline;
  }

  /** The timeline, if it was opened before. */
  opened(room: string): Timeline | undefined {
    return this.#timelines.get(room);
  }

  async reload(): Promise<void> {
    await this.load();
    await Promise.all([...this.#timelines.values()].map((timeline) => timeline.load()));
  }
}
