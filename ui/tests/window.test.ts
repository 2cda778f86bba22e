import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { tick } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";

import App from "../src/App.svelte";
import { spoken } from "../src/lib/i18n/language.svelte";
import type { Backend } from "../src/lib/ipc/backend";
import { Hearth } from "../src/lib/session/hearth.svelte";
import { Preferences } from "../src/lib/session/preferences.svelte";
import { double, general, hostView } from "./doubles/backend";

afterEach(cleanup);

async function open(part: Partial<Backend> = {}) {
  const { backend, push } = double(part);
  const hearth = new Hearth(backend);
  const preferences = new Preferences();
  spoken.current = "en";
  render(App, { hearth, preferences });
  await hearth.begin();
  await tick();
  return { backend, push, hearth, preferences };
}

async function type(testid: string, value: string): Promise<HTMLElement> {
  const field = await screen.findByTestId(testid);
  await fireEvent.input(field, { target: { value } });
  return field;
}

const first = { kind: "first", needsPassphrase: false } as const;

describe("the first view", () => {
  it("hosting asks for two names and opens the host", async () => {
    const host = vi.fn(async () => hostView());
    await open({ start: async () => first, host });
    expect(screen.getByTestId("start-hosting")).toBeDisabled();
    await type("first-host-name", " Atelier Nord ");
    await type("first-owner-name", "Alice");
    await fireEvent.click(screen.getByTestId("start-hosting"));
    await screen.findByTestId("composer");
    expect(host).toHaveBeenCalledWith("Atelier Nord", "Alice");
  });

  it("a host that can not start says why and keeps what was typed", async () => {
    const host = () => Promise.reject({ code: "port_in_use", message: "port 7717 is used by another program" });
    await open({ start: async () => first, host });
    await type("first-host-name", "Atelier Nord");
    const owner = await type("first-owner-name", "Alice");
    await fireEvent.click(screen.getByTestId("start-hosting"));
    expect(await screen.findByTestId("host-problem")).toHaveTextContent("Port 7717 is used by another program.");
    expect(owner).toHaveValue("Alice");
  });

  const probe = {
    host: { id: "f".repeat(64), name: "Field Workshop", words: "one-two-three-four-five-six" },
    registration: "open",
    invited: false,
    known: false,
  } as const;

  it("a found host is joined only after its words were compared", async () => {
    const join = vi.fn(async () => hostView({ id: probe.host.id, name: "Field Workshop", hosted: false }));
    const look = vi.fn((text: string) =>
      text === "10.0.0.2:7717" ? Promise.resolve(probe) : Promise.reject({ code: "no_answer", message: "no answer" }),
    );
    const { push } = await open({ start: async () => first, look, join });
    const addresses = ["10.0.0.1:7717", "10.0.0.2:7717"];
    push({ kind: "found", hosts: [{ idPrefix: "f", name: "Field Workshop", addresses, known: false }] });
    const entry = await screen.findByTestId("found-host");
    await fireEvent.click(entry.querySelector("button") as HTMLButtonElement);
    expect(await screen.findByTestId("words")).toHaveAttribute("data-words", probe.host.words);
    expect(screen.queryByTestId("join-submit")).toBeNull();
    await fireEvent.click(screen.getByTestId("confirm-words"));
    await type("join-name", "Bob");
    await fireEvent.click(screen.getByTestId("join-submit"));
    await screen.findByTestId("composer");
    expect(join).toHaveBeenCalledWith("10.0.0.2:7717", probe.host.id, { kind: "new", name: "Bob", password: null });
  });

  it("an invite has nothing to compare; a taken name is said and can be mended", async () => {
    const join = vi
      .fn()
      .mockRejectedValueOnce({ code: "name_taken", message: "taken" })
      .mockResolvedValueOnce(hostView({ id: probe.host.id }));
    await open({ start: async () => first, look: async () => ({ ...probe, invited: true }), join });
    await type("join-text", "hearth://join/x");
    await fireEvent.click(await screen.findByTestId("join-look"));
    await type("join-name", "Alice");
    await fireEvent.click(screen.getByTestId("join-submit"));
    expect(await screen.findByTestId("credentials-problem")).toHaveTextContent("Another member has this name");
    await type("join-name", "Bob");
    await fireEvent.click(screen.getByTestId("join-submit"));
    await screen.findByTestId("composer");
    expect(join).toHaveBeenCalledTimes(2);
  });

  it("an opened link only asks", async () => {
    const join = vi.fn();
    const { push } = await open({ start: async () => first, look: async () => ({ ...probe, invited: true }), join });
    push({ kind: "link", text: "hearth://join/x" });
    expect(await screen.findByTestId("join-submit")).toBeDisabled();
    expect(join).not.toHaveBeenCalled();
  });
});

describe("the vault", () => {
  it("without a keyring a passphrase comes before everything", async () => {
    const prepare = vi.fn(async () => first);
    await open({ start: async () => ({ kind: "first", needsPassphrase: true }), prepare });
    await type("passphrase-new", "four words of mine");
    await type("passphrase-again", "four words of yours");
    expect(screen.getByTestId("passphrase-submit")).toBeDisabled();
    await type("passphrase-again", "four words of mine");
    await fireEvent.click(screen.getByTestId("passphrase-submit"));
    await screen.findByTestId("start-hosting");
    expect(prepare).toHaveBeenCalledWith("four words of mine");
  });

  it("a locked vault says why, and a wrong passphrase loses nothing", async () => {
    const failure = { code: "keyring_locked", message: "the keyring is locked" };
    const unlock = vi
      .fn()
      .mockRejectedValueOnce({ code: "wrong_key", message: "this passphrase does not open the vault" })
      .mockResolvedValueOnce({ kind: "open", hosts: [hostView()] });
    await open({ start: async () => ({ kind: "locked", failure, ways: ["passphrase", "recovery"] }), unlock });
    expect(screen.getByText("The keyring is locked.")).toBeInTheDocument();
    await type("unlock-secret", "wrong");
    await fireEvent.click(screen.getByTestId("unlock-submit"));
    expect(await screen.findByTestId("unlock-submit-problem")).toHaveTextContent("does not open the vault");
    await fireEvent.click(screen.getByTestId("unlock-submit"));
    await screen.findByTestId("composer");
  });

  it("a start that fails can be tried again", async () => {
    const start = vi.fn().mockRejectedValueOnce({ code: "unreachable", message: "x" }).mockResolvedValueOnce(first);
    await open({ start });
    await fireEvent.click(await screen.findByTestId("broken-retry"));
    await screen.findByTestId("start-hosting");
  });
});

describe("the composer", () => {
  it("Enter sends, Shift Enter does not, and the field is empty after", async () => {
    const { backend } = await open();
    const field = (await type("composer", "  hello ")) as HTMLTextAreaElement;
    await fireEvent.keyDown(field, { key: "Enter", shiftKey: true });
    expect(backend.send).not.toHaveBeenCalled();
    await fireEvent.keyDown(field, { key: "Enter" });
    expect(backend.send).toHaveBeenCalledWith(hostView().id, general.id, "hello");
    expect(field.value).toBe("");
  });

  it("Enter belongs to an input method while it composes", async () => {
    const { backend } = await open();
    const field = await type("composer", "にほん");
    await fireEvent.keyDown(field, { key: "Enter", isComposing: true });
    await fireEvent.keyDown(field, { key: "Enter", keyCode: 229 });
    expect(backend.send).not.toHaveBeenCalled();
  });

  it("is never closed: away from the host it says that what is written will be sent", async () => {
    const { backend, push } = await open();
    push({ kind: "host", host: hostView({ state: { kind: "waiting", retryAt: Date.now() + 9000, reason: "" } }) });
    expect(await screen.findByTestId("hint-offline")).toBeInTheDocument();
    expect(screen.getByTestId("host-state")).toHaveTextContent(/next try in \d s/);
    const field = await type("composer", "later");
    await fireEvent.keyDown(field, { key: "Enter" });
    expect(backend.send).toHaveBeenCalled();
  });

  it("a text that could not be kept comes back", async () => {
    await open({ send: () => Promise.reject({ code: "outbox_full", message: "too much waits" }) });
    const field = (await type("composer", "hello")) as HTMLTextAreaElement;
    await fireEvent.keyDown(field, { key: "Enter" });
    await waitFor(() => expect(field.value).toBe("hello"));
    expect(await screen.findByTestId("notice")).toHaveTextContent("Too much waits.");
  });

  it("a text over the limit can not be sent and says by how much", async () => {
    const { backend } = await open();
    const field = await type("composer", "x".repeat(16 * 1024 + 3));
    expect(screen.getByTestId("too-long")).toHaveTextContent("by 3 bytes");
    await fireEvent.keyDown(field, { key: "Enter" });
    expect(backend.send).not.toHaveBeenCalled();
  });

  it("keeps a draft per room, on the desktop in memory only", async () => {
    const design = { ...general, id: "design", name: "design" };
    await open({ rooms: async () => [general, design] });
    await type("composer", "half a thought");
    await fireEvent.click(screen.getByText("design"));
    expect(screen.getByTestId("composer")).toHaveValue("");
    await fireEvent.click(screen.getByText("general"));
    expect(screen.getByTestId("composer")).toHaveValue("half a thought");
    expect(JSON.stringify({ ...localStorage })).not.toContain("half a thought");
  });
});

describe("a host that stopped", () => {
  it("a changed key is a full stop, with the words that are known", async () => {
    const { push } = await open();
    push({ kind: "host", host: hostView({ state: { kind: "stopped", reason: "keyChanged", message: "x" } }) });
    expect(await screen.findByTestId("stopped")).toHaveAttribute("data-reason", "keyChanged");
    expect(screen.queryByTestId("composer")).toBeNull();
    expect(screen.getByTestId("words")).toBeInTheDocument();
  });

  it("an ended session asks to sign in again and keeps the host", async () => {
    const signInAgain = vi.fn(async () => hostView());
    const { push } = await open({ signInAgain });
    push({ kind: "host", host: hostView({ state: { kind: "stopped", reason: "sessionEnded", message: "x" } }) });
    expect(await screen.findByTestId("sign-in-name")).toHaveValue("Alice");
    await type("sign-in-password", "correct horse");
    await fireEvent.click(screen.getByTestId("sign-in-submit"));
    await screen.findByTestId("composer");
    expect(signInAgain).toHaveBeenCalledWith(hostView().id, {
      kind: "password",
      name: "Alice",
      password: "correct horse",
    });
  });

  it("the last host gone leads back to the beginning", async () => {
    const start = vi
      .fn()
      .mockResolvedValueOnce({ kind: "open", hosts: [hostView()] })
      .mockResolvedValueOnce(first);
    const { push } = await open({ start });
    push({ kind: "hostGone", host: hostView().id });
    await screen.findByTestId("start-hosting");
  });
});

describe("settings", () => {
  it("the recovery code counts only once it was typed back", async () => {
    const confirmRecoveryCode = vi
      .fn()
      .mockRejectedValueOnce({ code: "not_the_code", message: "not it" })
      .mockResolvedValueOnce(undefined);
    await open({ slots: async () => ["keyring"], newRecoveryCode: async () => "7Q4K-M2XP", confirmRecoveryCode });
    await fireEvent.click(screen.getByTestId("settings-open"));
    await fireEvent.click(await screen.findByTestId("settings-vault"));
    await fireEvent.click(screen.getByTestId("recovery-new"));
    expect(await screen.findByTestId("recovery-code")).toHaveTextContent("7Q4K-M2XP");
    await type("recovery-confirm", "wrong");
    await fireEvent.click(screen.getByTestId("recovery-submit"));
    expect(await screen.findByTestId("recovery-submit-problem")).toBeInTheDocument();
    await type("recovery-confirm", "7Q4K-M2XP");
    await fireEvent.click(screen.getByTestId("recovery-submit"));
    expect(await screen.findByTestId("recovery-done")).toBeInTheDocument();
    expect(screen.queryByTestId("recovery-code")).toBeNull();
  });

  it("an invite is made, shown as two links and a picture, and can be revoked", async () => {
    const living = { id: "i1", role: "member", usesLeft: 10, expiresAt: Date.now(), byName: "Alice" } as const;
    const createInvite = vi.fn(async () => ({
      app: "hearth://join/x",
      web: "https://y/join/x",
      qr: { size: 21, path: "M0 0h1v1h-1z" },
    }));
    const revokeInvite = vi.fn(async () => {});
    await open({ createInvite, revokeInvite, invites: async () => [living] });
    await fireEvent.click(screen.getByTestId("settings-open"));
    await fireEvent.click(await screen.findByTestId("invite-create"));
    expect(await screen.findByTestId("invite-app-link")).toHaveValue("hearth://join/x");
    expect(createInvite).toHaveBeenCalledWith(hostView().id, "member", 10, 7);
    await fireEvent.click(screen.getByTestId("invite-revoke"));
    expect(revokeInvite).toHaveBeenCalledWith(hostView().id, "i1");
  });

  it("one who may not invite is not offered it", async () => {
    await open({
      start: async () => ({
        kind: "open",
        hosts: [hostView({ me: { id: "bob", name: "Bob", role: "member", online: true } })],
      }),
    });
    await fireEvent.click(screen.getByTestId("settings-open"));
    await screen.findByTestId("settings-look");
    expect(screen.queryByTestId("settings-invite")).toBeNull();
  });

  it("the language changes at once", async () => {
    const { preferences } = await open();
    await fireEvent.click(screen.getByTestId("settings-open"));
    preferences.setLanguage("fr");
    expect(await screen.findByText("Réglages")).toBeInTheDocument();
    expect(document.documentElement.lang).toBe("fr");
  });
});

it("the switcher opens by keyboard and goes to a room", async () => {
  const design = { ...general, id: "design", name: "design" };
  await open({ rooms: async () => [general, design] });
  await fireEvent.keyDown(window, { key: "k", ctrlKey: true });
  const field = await type("jump-text", "des");
  await fireEvent.keyDown(field, { key: "Enter" });
  expect(await screen.findByTestId("room-title")).toHaveTextContent("design");
});
