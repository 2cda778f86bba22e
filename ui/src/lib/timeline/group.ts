// Rows as a person reads them: a line per day, one head for what one sender says within five minutes.

import type { RowView } from "../ipc/bindings/RowView";

export type Entry =
  | { readonly kind: "top"; readonly key: "top" }
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "row"; readonly key: string; readonly row: RowView; readonly head: boolean };

const TOGETHER_MS = 5 * 60 * 1000;

export function group(rows: readonly RowView[]): Entry[] {
  const entries: Entry[] = [{ kind: "top", key: "top" }];
  let before: RowView | null = null;
  for (const row of rows.filter((one) => one.content.kind !== "unknown")) {
    const newDay = before === null || dayOf(before.at) !== dayOf(row.at);
    if (newDay) {
      entries.push({ kind: "day", key: `day/${row.key}`, at: row.at });
    }
    entries.push({ kind: "row", key: row.key, row, head: newDay || !follows(before, row) });
    before = row;
  }
  return entries;
}

function follows(before: RowView | null, row: RowView): boolean {
  const bothSpeak = before?.content.kind === "message" && row.content.kind === "message";
  return bothSpeak && before?.by === row.by && row.at - before.at <= TOGETHER_MS;
}

function dayOf(at: number): string {
  return new Date(at).toDateString();
}
