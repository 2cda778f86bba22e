import { expect, it } from "vitest";

import type { RowView } from "../ipc/bindings/RowView";
import { group } from "./group";

const noon = new Date(2026, 10, 20, 12).getTime();
const MINUTE = 60_000;

function said(key: string, by: string, at: number): RowView {
  return {
    key,
    seq: Number(key),
    at,
    by,
    byName: by,
    content: { kind: "message", id: key, text: key },
    delivery: { kind: "sent" },
  };
}

const heads = (rows: RowView[]) => group(rows).flatMap((entry) => (entry.kind === "row" ? [entry.head] : []));

it("what one sender says within five minutes shares a head", () => {
  expect(heads([said("1", "alice", noon), said("2", "alice", noon + 5 * MINUTE)])).toEqual([true, false]);
  expect(heads([said("1", "alice", noon), said("2", "alice", noon + 5 * MINUTE + 1)])).toEqual([true, true]);
});

it("another sender gets a head of their own", () => {
  expect(heads([said("1", "alice", noon), said("2", "bob", noon + 1)])).toEqual([true, true]);
});

it("a new day begins with its line and a head", () => {
  const entries = group([said("1", "alice", noon - 12 * 60 * MINUTE - 1), said("2", "alice", noon - 12 * 60 * MINUTE)]);
  expect(entries.map((entry) => entry.kind)).toEqual(["top", "day", "row", "day", "row"]);
});

it("events of newer hosts count but do not show", () => {
  const unknown: RowView = { ...said("2", "bob", noon), content: { kind: "unknown" } };
  expect(heads([said("1", "alice", noon), unknown, said("3", "alice", noon + 1)])).toEqual([true, false]);
});
