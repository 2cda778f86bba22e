// One room's rows as the window holds them: the newest page, what was paged in before it, and what comes in live.

import type { Backend } from "../ipc/backend";
import type { FailureView } from "../ipc/bindings/FailureView";
import type { RowView } from "../ipc/bindings/RowView";
import { asFailure } from "../ipc/failure";
import { merge } from "./merge";

const PAGE = 60;

export class Timeline {
  rows: readonly RowView[] = $state.raw([]);
  /** Nothing is older than the first row. */
  atStart = $state(false);
  /** Something older is missing and could not be fetched. */
  gap = $state(false);
  loaded = $state(false);
  loading = $state(false);
  /** The rows just grew at their front: the view keeps its place. */
  prepended = $state(false);
  failure: FailureView | null = $state(null);

  readonly #backend: Backend;
  readonly #host: string;
  readonly #room: string;
  #again = false;

  constructor(backend: Backend, host: string, room: string) {
    this.#backend = backend;
    this.#host = host;
    this.#room = room;
  }

  /** Loads the newest page; asked again while it does, it loads once more. */
  async load(): Promise<void> {
    if (this.loading) {
      this.#again = true;
      return;
    }
    this.loading = true;
    try {
      const page = await this.#backend.timeline(this.#host, this.#room, null, Math.max(PAGE, this.rows.length));
      const arrived = this.rows.filter((row) => row.seq !== null && row.seq > (page.rows.at(-1)?.seq ?? 0));
      this.prepended = false;
      this.rows = merge(page.rows, this.#again ? [] : arrived);
      this.atStart = page.atStart;
      this.gap = page.gap;
      this.loaded = true;
      this.failure = null;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.loading = false;
    }
    if (this.#again) {
      this.#again = false;
      await this.load();
    }
  }

  async older(): Promise<void> {
    const before = this.rows.find((row) => row.seq !== null)?.seq ?? null;
    if (this.loading || this.atStart || !this.loaded || before === null) {
      return;
    }
    this.loading = true;
    try {
      const page = await this.#backend.timeline(this.#host, this.#room, before, PAGE);
      this.prepended = page.rows.length > 0;
      this.rows = merge(this.rows, page.rows);
      this.atStart = page.atStart;
      this.gap = page.gap;
      this.failure = null;
    } catch (thrown) {
      this.failure = asFailure(thrown);
    } finally {
      this.loading = false;
    }
  }

  apply(put: readonly RowView[], removed: readonly string[]): void {
    if (!this.loaded && !this.loading) {
      return;
    }
    this.prepended = false;
    // A change of a row older than those shown has nothing to change here.
    const oldest = this.rows[0]?.seq ?? 0;
    const shown = new Set(this.rows.map((row) => row.key));
    const due = put.filter((row) => row.seq === null || row.seq >= oldest || shown.has(row.key));
    this.rows = merge(this.rows, due, removed);
  }
}
