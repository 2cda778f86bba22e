// A failure in the window's language, with what to do. Codes without a sentence of their own keep the English one that
// came with them.

import { m } from "../i18n";
import type { FailureView } from "../ipc/bindings/FailureView";

const SENTENCES: Record<string, () => string> = {
  wrong_credentials: m.failure_wrong_credentials,
  session_ended: m.failure_session_ended,
  name_taken: m.failure_name_taken,
  invite_unknown: m.failure_invite_unknown,
  invite_expired: m.failure_invite_expired,
  invite_used: m.failure_invite_used,
  invite_revoked: m.failure_invite_revoked,
  registration_closed: m.failure_registration_closed,
  not_found: m.failure_not_found,
  forbidden: m.failure_forbidden,
  rate_limited: m.failure_rate_limited,
  read_only: m.failure_read_only,
  stopping: m.failure_stopping,
  internal: m.failure_internal,
  unreachable: m.failure_unreachable,
  disconnected: m.failure_disconnected,
  timeout: m.failure_timeout,
  wrong_key: m.failure_wrong_key,
  clipboard: m.failure_clipboard,
  storage_full: m.failure_storage_full,
  link_copied: m.link_copied,
};

export function sayFailure(failure: FailureView): string {
  const sentence = SENTENCES[failure.code];
  // What the host or the shell says of a limit or of its own trouble is more exact than any general sentence.
  return sentence && failure.code !== "internal" ? sentence() : asSentence(failure.message || m.failure_internal());
}

function asSentence(message: string): string {
  const text = message.charAt(0).toLocaleUpperCase() + message.slice(1);
  return /[.!?。！？]$/.test(text) ? text : `${text}.`;
}
