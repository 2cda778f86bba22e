// One list of rows out of pages and updates. Rows with a number stand in its order, those still on their way last, by key;
// a key is in the list once, whatever came first, the echo or the event.

import type { RowView } from "../ipc/bindings/RowView";

export function merge(rows: readonly RowView[], put: readonly RowView[], removed: readonly string[] = []): RowView[] {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  for (const row of put) {
    // An echo that arrives after its event is old news.
    if (row.seq === null && (byKey.get(row.key)?.seq ?? null) !== null) {
      continue;
    }
    byKey.set(row.key, row);
  }
  for (const key of removed) {
    byKey.delete(key);
  }
  return [...byKey.values()].sort(inOrder);
}

export function inOrder(a: RowView, b: RowView): number {
  if (a.seq !== null && b.seq !== null) {
    return a.seq - b.seq;
  }
  if (a.seq === null && b.seq === null) {
    return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
  }
  return a.seq === null ? 1 : -1;
}
