import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Backend } from "../src/lib/ipc/backend";
import type { RowView } from "../src/lib/ipc/bindings/RowView";
import type { UpdateView } from "../src/lib/ipc/bindings/UpdateView";
import { openBrowserBackend } from "../src/lib/ipc/web";
import { merge } from "../src/lib/timeline/merge";
import { HostDouble, SocketDouble } from "./doubles/host";

let host: HostDouble;

beforeEach(async () => {
  host = await new HostDouble().prepare();
  const socket = function open() {
    return new SocketDouble(host);
  };
  vi.stubGlobal("WebSocket", Object.assign(socket, { OPEN: 1 }));
});
afterEach(() => vi.unstubAllGlobals());

/** A page at the host, as a person would open it. */
async function page(): Promise<{
  backend: Backend;
  rows: () => readonly RowView[];
  state: () => string;
  updates: UpdateView[];
}> {
  const backend = openBrowserBackend(window);
  const updates: UpdateView[] = [];
  let rows: readonly RowView[] = [];
  let state = "";
  await backend.subscribe((update) => {
    updates.push(update);
    if (update.kind === "rows") rows = merge(rows, update.put, update.removed);
    if (update.kind === "reset") {
      void backend.timeline(update.host, update.room, null, 50).then((page) => {
        rows = page.rows;
      });
    }
    if (update.kind === "host") state = update.host.state.kind;
  });
  return { backend, rows: () => rows, state: () => state, updates };
}

async function signedIn() {
  const here = await page();
  expect(await here.backend.start()).toMatchObject({ kind: "signIn", registration: "open", host: { id: host.id } });
  await here.backend.joinHere({ kind: "new", name: "Alice", password: null });
  await until(() => here.state() === "live");
  return here;
}

const until = (fact: () => boolean) => vi.waitUntil(fact, { timeout: 20_000, interval: 5 });
const texts = (rows: readonly RowView[]) =>
  rows.map((row) => (row.content.kind === "message" ? row.content.text : row.content.kind));
const posts = () => host.heard.filter((frame) => frame.type === "post").map((frame) => frame.message);

it("a message is queued, then sent, as one row", async () => {
  const { backend, rows, updates } = await signedIn();
  const id = await backend.send(host.id, "room", "hello");
  await until(() => rows().some((row) => row.seq !== null));
  expect(rows()).toHaveLength(1);
  expect(rows()[0]).toMatchObject({ key: id, seq: 1, delivery: { kind: "sent" } });
  const first = updates.find((update) => update.kind === "rows");
  expect(first).toMatchObject({ put: [{ key: id, seq: null, delivery: { kind: "queued" } }] });
});

it("reconnect resends an unacknowledged message under the same id, and it arrives once", async () => {
  const { backend, rows } = await signedIn();
  host.losesNextAnswer = true;
  await backend.send(host.id, "room", "only once");
  await until(() => rows().some((row) => row.seq !== null));
  expect(new Set(posts()).size).toBe(1);
  expect(host.log).toHaveLength(1);
  expect(texts(rows())).toEqual(["only once"]);
});

it("what is written while the host is away is sent in order when it is back", async () => {
  const { backend, rows, state } = await signedIn();
  host.away = true;
  host.close(4000);
  await until(() => state() === "waiting");
  for (const text of ["one", "two", "three"]) await backend.send(host.id, "room", text);
  expect(rows().every((row) => row.delivery.kind === "queued")).toBe(true);
  host.away = false;
  await backend.reconnect(host.id);
  await until(() => rows().every((row) => row.delivery.kind === "sent"));
  expect(texts(rows())).toEqual(["one", "two", "three"]);
});

it("an unsent message survives a reload and is sent by the next page", async () => {
  const first = await signedIn();
  host.away = true;
  host.close(4000);
  await until(() => first.state() === "waiting");
  const id = await first.backend.send(host.id, "room", "kept");
  // The old page is gone; only what it stored remains.
  host.away = false;
  const next = await page();
  expect(await next.backend.start()).toMatchObject({ kind: "open", hosts: [{ id: host.id }] });
  await until(() => host.log.length === 1);
  expect(host.log[0]?.change).toMatchObject({ message: id, text: "kept" });
  const { rows } = await next.backend.timeline(host.id, "room", null, 50);
  expect(texts(rows)).toEqual(["kept"]);
});

it("what was missed arrives after a reconnect, without a gap and without a double", async () => {
  const { backend, state } = await signedIn();
  host.posted("before");
  host.away = true;
  host.close(4100);
  await until(() => state() === "waiting");
  host.posted("missed");
  host.away = false;
  await backend.reconnect(host.id);
  await until(() => state() === "live");
  const { rows, atStart, gap } = await backend.timeline(host.id, "room", null, 50);
  expect(texts(rows)).toEqual(["before", "missed"]);
  expect([atStart, gap]).toEqual([true, false]);
});

it("a refusal for good fails that message, and what follows goes on", async () => {
  const { backend, rows } = await signedIn();
  host.refusals = [{ code: "forbidden", message: "you may not post here" }];
  const refused = await backend.send(host.id, "room", "no");
  await backend.send(host.id, "room", "yes");
  await until(() => rows().some((row) => row.seq !== null));
  expect(rows().find((row) => row.key === refused)?.delivery).toMatchObject({ kind: "failed", code: "forbidden" });
  await backend.retry(host.id, refused);
  await until(() => rows().every((row) => row.delivery.kind === "sent"));
  expect(texts(rows())).toEqual(["yes", "no"]);
});

it("a discarded message is gone from the window and from the storage", async () => {
  const { backend, rows } = await signedIn();
  host.refusals = [{ code: "forbidden", message: "no" }];
  const id = await backend.send(host.id, "room", "forget me");
  await until(() => rows()[0]?.delivery.kind === "failed");
  await backend.discard(host.id, id);
  expect(rows()).toEqual([]);
  expect(JSON.stringify({ ...localStorage })).not.toContain("forget me");
});

it("a temporary refusal is tried again by itself", async () => {
  const { backend, rows } = await signedIn();
  host.refusals = [{ code: "rate_limited", message: "slow down", retry_after_ms: 30 }];
  await backend.send(host.id, "room", "patience");
  await until(() => rows()[0]?.delivery.kind === "sent");
  expect(posts()).toHaveLength(2);
});

it("an ended session stops, and asks for a person", async () => {
  const { state, updates } = await signedIn();
  host.endedSessions.add("session-token");
  host.close(4200);
  await until(() => state() === "stopped");
  expect(updates.at(-1)).toMatchObject({ host: { state: { kind: "stopped", reason: "sessionEnded" } } });
});

it("who signs in after somebody else neither sends nor sees what was theirs", async () => {
  const { backend, state } = await signedIn();
  host.refusals = [{ code: "forbidden", message: "no" }];
  await backend.send(host.id, "room", "mine alone");
  await until(() => posts().length === 1);
  host.endedSessions.add("session-token");
  host.close(4200);
  await until(() => state() === "stopped");
  host.member = { ...host.member, id: "carol", name: "Carol" };
  await backend.signInAgain(host.id, { kind: "password", name: "Carol", password: "correct horse" });
  await until(() => state() === "live");
  expect(host.log).toEqual([]);
  expect(JSON.stringify({ ...localStorage })).not.toContain("mine alone");
});

it("another host behind the same address is a full stop, and gets no token", async () => {
  const { state, updates } = await signedIn();
  host.close(4000);
  host = await new HostDouble().prepare();
  await until(() => state() === "stopped");
  expect(updates.at(-1)).toMatchObject({ host: { state: { kind: "stopped", reason: "keyChanged" } } });
  expect(host.heard.map((frame) => frame.type)).not.toContain("sign_in");
});

it("older messages are paged in", async () => {
  for (let count = 1; count <= 500; count += 1) host.posted(String(count));
  const { backend } = await signedIn();
  const seen: string[] = [];
  for (let before: number | null = null; ; ) {
    const { rows, atStart, gap }: { rows: RowView[]; atStart: boolean; gap: boolean } = await backend.timeline(
      host.id,
      "room",
      before,
      60,
    );
    expect(gap).toBe(false);
    seen.unshift(...texts(rows));
    before = rows[0]?.seq ?? null;
    if (atStart) break;
  }
  expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => String(index + 1)));
});

it("a join whose answer was lost finds, when asked again, the account it made", async () => {
  const { backend } = await page();
  await backend.start();
  host.losesNextSignIn = true;
  await expect(backend.joinHere({ kind: "new", name: "Alice", password: null })).rejects.toMatchObject({
    code: "disconnected",
  });
  await backend.joinHere({ kind: "new", name: "Alice", password: null });
  const tries = host.heard.filter((frame) => frame.type === "sign_in").map((frame) => frame.session);
  expect(tries).toHaveLength(2);
  expect(tries[0]).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(tries[1]).toBe(tries[0]);
});

it("signing out forgets everything here", async () => {
  const { backend, updates } = await signedIn();
  await backend.send(host.id, "room", "hello");
  await backend.signOut(host.id);
  expect(updates.at(-1)).toEqual({ kind: "hostGone", host: host.id });
  expect(Object.keys(localStorage).filter((key) => key.startsWith("hearth."))).toEqual([]);
  expect(await backend.start()).toMatchObject({ kind: "signIn" });
});

it("a host that does not answer is said so", async () => {
  host.away = true;
  const { backend } = await page();
  await expect(backend.start()).rejects.toMatchObject({ code: "unreachable" });
});
