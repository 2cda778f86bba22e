// The window's whole state: what it opened into, the hosts it has joined, and which of them is in front.
// Updates are applied here and nowhere else.

import type { Backend } from "../ipc/backend";
import type { FailureView } from "../ipc/bindings/FailureView";
import type { FoundView } from "../ipc/bindings/FoundView";
import type { HostView } from "../ipc/bindings/HostView";
import type { StartView } from "../ipc/bindings/StartView";
import type { UpdateView } from "../ipc/bindings/UpdateView";
import { asFailure } from "../ipc/failure";
import { JoinedHost } from "../rooms/joined-host.svelte";

export type Phase = { kind: "starting" } | { kind: "broken"; failure: FailureView } | StartView;

const LAST_HOST = "hearth.host";

export class Hearth {
  phase: Phase = $state.raw({ kind: "starting" });
  hosts: readonly JoinedHost[] = $state.raw([]);
  found: readonly FoundView[] = $state.raw([]);
  /** A link that was opened and waits for a person's yes. */
  link: string | null = $state(null);
  /** The last thing that did not work and has no place of its own. */
  notice: FailureView | null = $state.raw(null);
  #chosen: string | null = $state(localStorage.getItem(LAST_HOST));
  #subscribed = false;

  readonly host: JoinedHost | null = $derived(
    this.hosts.find((host) => host.view.id === this.#chosen) ?? this.hosts[0] ?? null,
  );

  readonly backend: Backend;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  async begin(): Promise<void> {
    this.phase = { kind: "starting" };
    try {
      if (!this.#subscribed) {
        await this.backend.subscribe((update) => this.#receive(update));
        this.#subscribed = true;
      }
      const before = this.#views();
      this.opened(await this.backend.start(), before);
    } catch (thrown) {
      this.phase = { kind: "broken", failure: asFailure(thrown) };
    }
  }

  /**
   * Takes an answer. What an update said of a host since the question was asked (`before` holds what was shown then) is
   * newer than the answer, which may come after it.
   */
  opened(start: StartView, before: ReadonlyMap<string, HostView> = new Map()): void {
    if (start.kind === "open") {
      for (const view of start.hosts) {
        const known = this.#find(view.id);
        if (!known || known.view === before.get(view.id)) {
          this.#put(view);
        }
      }
    }
    this.phase = start;
  }

  /** Brings a host just joined or made to the front. What an update said of it meanwhile is newer than the answer. */
  entered(view: HostView): void {
    const known = this.#find(view.id);
    if (!known || known.view.state.kind === "stopped") {
      this.#put(view);
    }
    this.choose(view.id);
    this.phase = { kind: "open", hosts: [] };
  }

  choose(host: string): void {
    this.#chosen = host;
    localStorage.setItem(LAST_HOST, host);
  }

  /** Runs what a person asked for; what goes wrong is said in the notice. */
  async attempt(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (thrown) {
      this.notice = asFailure(thrown);
      return false;
    }
  }

  /** Opens a link outside; where that can't be done it is copied instead, and the person is told. */
  async followLink(url: string): Promise<void> {
    try {
      await this.backend.openLink(url);
    } catch {
      if (await this.attempt(() => this.backend.copy(url))) {
        this.notice = { code: "link_copied", message: "" };
      }
    }
  }

  #put(view: HostView): void {
    const known = this.#find(view.id);
    if (known) {
      known.view = view;
      return;
    }
    const host = new JoinedHost(this.backend, view);
    this.hosts = [...this.hosts, host];
    void this.attempt(() => host.load());
  }

  #views(): ReadonlyMap<string, HostView> {
    return new Map(this.hosts.map((host) => [host.view.id, host.view]));
  }

  #find(id: string): JoinedHost | undefined {
    return this.hosts.find((host) => host.view.id === id);
  }

  #receive(update: UpdateView): void {
    switch (update.kind) {
      case "host":
        this.#put(update.host);
        break;
      case "hostGone":
        this.#drop(update.host);
        break;
      case "rooms":
        this.#with(update.host, (host) => {
          host.rooms = update.rooms;
          host.loaded = true;
        });
        break;
      case "people":
        this.#with(update.host, (host) => {
          host.people = update.people;
        });
        break;
      case "rows":
        this.#find(update.host)?.opened(update.room)?.apply(update.put, update.removed);
        break;
      case "reset":
        void this.#find(update.host)?.opened(update.room)?.load();
        break;
      case "found":
        this.found = update.hosts;
        break;
      case "link":
        this.link = update.text;
        break;
      case "reload":
        void this.#reload();
        break;
    }
  }

  #with(id: string, change: (host: JoinedHost) => void): void {
    const host = this.#find(id);
    if (host) {
      change(host);
    }
  }

  #drop(id: string): void {
    this.hosts = this.hosts.filter((host) => host.view.id !== id);
    if (this.hosts.length === 0 && this.phase.kind === "open") {
      void this.begin();
    }
  }

  async #reload(): Promise<void> {
    if (this.phase.kind !== "open") {
      await this.begin();
      return;
    }
    const before = this.#views();
    const start = await this.backend.start().catch(() => null);
    if (start) {
      this.opened(start, before);
    }
    await this.attempt(() => Promise.all(this.hosts.map((host) => host.reload())));
  }
}
