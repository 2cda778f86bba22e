// The state of a connection as a sentence.

import { m } from "../i18n";
import type { HostView } from "../ipc/bindings/HostView";

export type Tone = "good" | "busy" | "off";

export function connectionTone(host: HostView): Tone {
  return host.state.kind === "live" ? "good" : host.state.kind === "stopped" ? "off" : "busy";
}

export function connectionSentence(host: HostView, now: number): string {
  const { state } = host;
  switch (state.kind) {
    case "live":
      return host.hosted ? m.state_hosting({ count: host.online }) : m.state_online({ count: host.online });
    case "dialling":
      return m.state_dialling();
    case "signingIn":
      return m.state_signing_in();
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((state.retryAt - now) / 1000));
      return m.state_waiting({ seconds });
    }
    case "stopped":
      return m.state_stopped();
  }
}
