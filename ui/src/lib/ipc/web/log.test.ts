import { describe, expect, it } from "vitest";

import type { Event } from "../bindings/Event";
import { RoomLog } from "./log";

const event = (seq: number): Event => ({
  room: "r",
  seq,
  at: seq,
  by: "alice",
  change: { kind: "posted", message: `m${seq}`, text: "" },
});
const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
const seqs = (list: readonly Event[]) => list.map((one) => one.seq);

describe("a room's log", () => {
  it("shows what follows at once and holds what comes out of turn", () => {
    const log = new RoomLog();
    log.catchUp(events(1, 3));
    expect(seqs(log.append(event(5)))).toEqual([]);
    expect(log.torn).toBe(true);
    expect(seqs(log.append(event(4)))).toEqual([4, 5]);
    expect(log.torn).toBe(false);
  });

  it("shows nothing twice", () => {
    const log = new RoomLog();
    log.catchUp(events(1, 3));
    expect(log.append(event(2))).toEqual([]);
    expect(log.catchUp(events(2, 4)).fresh.map((one) => one.seq)).toEqual([4]);
    expect(seqs(log.page(null, 10))).toEqual([1, 2, 3, 4]);
  });

  it("gives up what lies before a hole, so that it never shows a gap as none", () => {
    const log = new RoomLog();
    log.catchUp(events(1, 3));
    expect(log.catchUp(events(50, 60)).replaced).toBe(true);
    expect(log.first).toBe(50);
    log.prepend(events(40, 49), 60);
    expect(log.first).toBe(40);
  });

  it("joins only a page that ends where it begins", () => {
    const log = new RoomLog();
    log.catchUp(events(50, 60));
    log.prepend(events(30, 40), 60);
    expect(log.first).toBe(50);
    log.prepend(events(45, 55), 60);
    expect(log.first).toBe(45);
  });

  it("holds each event once, in order, whatever order they arrive in", () => {
    for (let round = 0; round < 50; round += 1) {
      const log = new RoomLog();
      const arriving = events(1, 30).sort(() => Math.random() - 0.5);
      const shown = arriving.flatMap((one) => log.append(one));
      expect(seqs(shown)).toEqual(seqs(events(1, 30)));
    }
  });

  it("shows nothing of a message that was deleted while its page was under way", () => {
    const deleted = (seq: number, message: string): Event => ({ ...event(seq), change: { kind: "deleted", message } });
    const said = (seq: number): Event => ({
      ...event(seq),
      change: { kind: "posted", message: `m${seq}`, text: "said" },
    });
    const texts = (log: RoomLog) =>
      log.page(null, 9).flatMap(({ change }) => (change.kind === "posted" ? change.text : []));
    const paged = new RoomLog();
    paged.catchUp([said(5), deleted(6, "m4")]);
    paged.prepend([said(4)], 5);
    expect(texts(paged)).toEqual(["", "said"]);
    const synced = new RoomLog();
    synced.append(deleted(6, "m5"));
    synced.catchUp([said(4), said(5)]);
    expect(texts(synced)).toEqual(["said", ""]);
  });

  it("pages backwards", () => {
    const log = new RoomLog();
    log.catchUp(events(1, 30));
    expect(seqs(log.page(null, 3))).toEqual([28, 29, 30]);
    expect(seqs(log.page(28, 3))).toEqual([25, 26, 27]);
    expect(seqs(log.page(2, 3))).toEqual([1]);
  });
});
