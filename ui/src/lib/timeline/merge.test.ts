import { describe, expect, it } from "vitest";

import type { RowView } from "../ipc/bindings/RowView";
import { merge } from "./merge";

function row(key: string, seq: number | null, text = key): RowView {
  const content = { kind: "message", id: key, text } as const;
  const delivery = seq === null ? ({ kind: "queued" } as const) : ({ kind: "sent" } as const);
  return { key, seq, at: 0, by: "alice", byName: "Alice", content, delivery };
}

const keys = (rows: readonly RowView[]) => rows.map((one) => one.key);

describe("merge", () => {
  it("keeps numbered rows in their order and what is under way last", () => {
    expect(keys(merge([row("b", 2), row("x", null)], [row("a", 1), row("c", 3)]))).toEqual(["a", "b", "c", "x"]);
  });

  it("puts an event in the place of its echo", () => {
    const rows = merge([row("a", 1), row("mine", null)], [row("mine", 2)]);
    expect(keys(rows)).toEqual(["a", "mine"]);
    expect(rows[1]?.seq).toBe(2);
  });

  it("ignores an echo that arrives after its event", () => {
    expect(merge([row("mine", 2)], [row("mine", null)])[0]?.seq).toBe(2);
  });

  it("takes away what was discarded", () => {
    expect(keys(merge([row("a", 1), row("mine", null)], [], ["mine"]))).toEqual(["a"]);
  });

  it("gives the same list whatever the order of arrival", () => {
    const all = [row("c", 3), row("a", 1), row("b", 2), row("z", null), row("y", null)];
    const expected = ["a", "b", "c", "y", "z"];
    for (let turn = 0; turn < all.length; turn += 1) {
      const order = [...all.slice(turn), ...all.slice(0, turn)];
      expect(keys(order.reduce<RowView[]>((rows, one) => merge(rows, [one, one]), []))).toEqual(expected);
    }
  });
});
