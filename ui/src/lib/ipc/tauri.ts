// The desktop's `Backend`: every method is the Tauri command of the same name. Nothing else in the window imports Tauri.

import { Channel, invoke } from "@tauri-apps/api/core";

import type { Backend } from "./backend";
import type { UpdateView } from "./bindings/UpdateView";

export const desktop: Backend = {
  kind: "desktop",

  async subscribe(listener) {
    const channel = new Channel<UpdateView>();
    channel.onmessage = listener;
    await invoke("subscribe", { channel });
    return () => {
      channel.onmessage = () => {};
    };
  },
  start: () => invoke("start"),
  unlock: (way, secret) => invoke("unlock", { way, secret }),
  prepare: (passphrase) => invoke("prepare", { passphrase }),

  host: (name, owner) => invoke("host", { name, owner }),
  browse: (on) => invoke("browse", { on }),
  doctor: () => invoke("doctor"),
  look: (text) => invoke("look", { text }),
  join: (text, expect, by) => invoke("join", { text, expect, by }),
  joinHere: () => Promise.reject({ code: "not_here", message: "only a browser joins the host that served it" }),

  rooms: (host) => invoke("rooms", { host }),
  directory: (host) => invoke("directory", { host }),
  createRoom: (host, name, topic, visibility) => invoke("create_room", { host, name, topic, visibility }),
  joinRoom: (host, room) => invoke("join_room", { host, room }),
  leaveRoom: (host, room) => invoke("leave_room", { host, room }),
  people: (host) => invoke("people", { host }),

  timeline: (host, room, before, limit) => invoke("timeline", { host, room, before, limit }),
  send: (host, room, text) => invoke("send", { host, room, text }),
  retry: (host, message) => invoke("retry", { host, message }),
  discard: (host, message) => invoke("discard", { host, message }),

  signInAgain: (host, by) => invoke("sign_in_again", { host, by }),
  reconnect: (host) => invoke("reconnect", { host }),
  signOut: (host) => invoke("sign_out", { host }),

  createInvite: (host, role, uses, days) => invoke("create_invite", { host, role, uses, days }),
  invites: (host) => invoke("invites", { host }),
  revokeInvite: (host, invite) => invoke("revoke_invite", { host, invite }),
  devices: (host) => invoke("devices", { host }),
  revokeDevice: (host, device) => invoke("revoke_device", { host, device }),
  setPassword: (host, current, next) => invoke("set_password", { host, current, next }),
  setRegistration: (host, registration) => invoke("set_registration", { host, registration }),

  slots: () => invoke("slots"),
  newRecoveryCode: () => invoke("new_recovery_code"),
  confirmRecoveryCode: (typed) => invoke("confirm_recovery_code", { typed }),
  setPassphrase: (passphrase) => invoke("set_passphrase", { passphrase }),

  copy: (text) => invoke("copy", { text }),
  openLink: (url) => invoke("open_link", { url }),
};
