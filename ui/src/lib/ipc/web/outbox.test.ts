import { beforeEach, expect, it } from "vitest";

import { type Item, Outbox } from "./outbox";

const item = (message: string, room = "r1"): Item => ({ message, room, text: message, at: 0, failed: null });
const ids = (items: readonly Item[]) => items.map((one) => one.message);

beforeEach(() => localStorage.clear());

it("an unsent message survives a reload", () => {
  new Outbox(localStorage, "host").add(item("01"));
  expect(ids(new Outbox(localStorage, "host").of("r1"))).toEqual(["01"]);
  expect(new Outbox(localStorage, "other host").of("r1")).toEqual([]);
});

it("two tabs do not overwrite each other", () => {
  const one = new Outbox(localStorage, "host");
  const other = new Outbox(localStorage, "host");
  one.add(item("01"));
  other.add(item("02"));
  one.remove("01");
  expect(ids(new Outbox(localStorage, "host").of("r1"))).toEqual(["02"]);
});

it("each room sends in order, one at a time", () => {
  const outbox = new Outbox(localStorage, "host");
  for (const one of [item("03", "r2"), item("02"), item("01")]) outbox.add(one);
  expect(ids(outbox.due())).toEqual(["01", "03"]);
});

it("a refused message waits for a person and holds up nothing", () => {
  const outbox = new Outbox(localStorage, "host");
  outbox.add({ ...item("01"), failed: { code: "forbidden", message: "no" } });
  outbox.add(item("02"));
  expect(ids(outbox.due())).toEqual(["02"]);
  expect(new Outbox(localStorage, "host").get("01")?.failed?.code).toBe("forbidden");
});

it("a damaged entry costs itself only", () => {
  localStorage.setItem("hearth.outbox.host.01", "{");
  new Outbox(localStorage, "host").add(item("02"));
  expect(ids(new Outbox(localStorage, "host").of("r1"))).toEqual(["02"]);
});
