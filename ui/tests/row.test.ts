import { cleanup, fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { spoken } from "../src/lib/i18n/language.svelte";
import type { RowView } from "../src/lib/ipc/bindings/RowView";
import RowInWindow from "./doubles/RowInWindow.svelte";

beforeEach(() => {
  spoken.current = "en";
});
afterEach(cleanup);

const message: RowView = {
  key: "m1",
  seq: null,
  at: 0,
  by: "alice",
  byName: "Alice",
  content: { kind: "message", id: "m1", text: "hello **there**" },
  delivery: { kind: "queued" },
};

function show(row: RowView, live = false) {
  const onretry = vi.fn();
  const ondiscard = vi.fn();
  render(RowInWindow, { row, name: row.byName, head: true, room: "general", live, onretry, ondiscard });
  return { onretry, ondiscard };
}

it("a message that waits for the host says so", async () => {
  show(message);
  expect(await screen.findByTestId("row-state")).toHaveTextContent("Waiting for the host, will send by itself");
  expect(screen.getByTestId("row")).toHaveAttribute("data-delivery", "queued");
});

it("a sent message says nothing of itself", () => {
  show({ ...message, seq: 4, delivery: { kind: "sent" } }, true);
  expect(screen.queryByTestId("row-state")).toBeNull();
  expect(screen.getByTestId("row")).toHaveAttribute("data-seq", "4");
  expect(screen.getByTestId("row-text").querySelector("strong")).toHaveTextContent("there");
});

it("a refused message says why and can be sent again or deleted", async () => {
  const { onretry, ondiscard } = show({ ...message, delivery: { kind: "failed", code: "forbidden", message: "no" } });
  expect(screen.getByTestId("row-state")).toHaveTextContent("Not sent: You may not do this here.");
  await fireEvent.click(screen.getByTestId("row-retry"));
  expect(onretry).toHaveBeenCalledWith("m1");
  await fireEvent.click(screen.getByTestId("row-discard"));
  expect(ondiscard).toHaveBeenCalledWith("m1");
});

it("who came and who went is told in a line", () => {
  show({ ...message, seq: 2, content: { kind: "joined", who: "Bob" }, delivery: { kind: "sent" } });
  expect(screen.getByTestId("told")).toHaveTextContent("Bob joined");
});
