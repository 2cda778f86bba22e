// A failure in the window's language, with what to do. Codes without a sentence of their own keep the English one that
// came with them.

import { m } from "../i18n";
import { spoken } from "../i18n/language.svelte";
import type { FailureView } from "../ipc/bindings/FailureView";
import type { FindingView } from "../ipc/bindings/FindingView";

const SENTENCES: Record<string, () => string> = {
  wrong_credentials: m.failure_wrong_credentials,
  second_factor_required: m.code_hint,
  second_factor_missing: m.failure_second_factor_missing,
  wrong_code: m.failure_wrong_code,
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
  unreachable: m.failure_unreachable,
  disconnected: m.failure_disconnected,
  not_connected: m.failure_disconnected,
  timeout: m.failure_timeout,
  key_changed: m.failure_key_changed,
  not_proven: m.failure_key_changed,
  clipboard: m.failure_clipboard,
  storage_full: m.failure_storage_full,
  link_copied: m.link_copied,
};

/** Codes whose English sentence names what no translation can know (an address, a folder): it is kept in English. */
const TRANSLATED: Record<string, () => string> = {
  no_answer: m.failure_no_answer,
  not_an_address: m.failure_not_an_address,
  not_a_host: m.failure_not_a_host,
  version: m.failure_version,
  already_joined: m.failure_already_joined,
  port_in_use: m.failure_port_in_use,
  interrupted: m.failure_interrupted,
  outbox_full: m.failure_outbox_full,
  no_keyring: m.failure_no_keyring,
  keyring_locked: m.failure_keyring_locked,
  keyring_refused: m.failure_keyring_refused,
  keyring_entry_missing: m.failure_keyring_entry_missing,
  keyring_timed_out: m.failure_keyring_timed_out,
  keyring_failed: m.failure_keyring_failed,
  wrong_key: m.failure_does_not_open,
  mistyped: m.failure_mistyped,
  not_the_code: m.failure_not_the_code,
  empty_passphrase: m.failure_empty_passphrase,
  damaged: m.failure_damaged,
  newer_schema: m.failure_newer_schema,
  in_use: m.failure_in_use,
};

const FINDINGS: Record<string, () => string> = {
  no_interface: m.finding_no_interface,
  only_virtual: m.finding_only_virtual,
  no_address: m.finding_no_address,
  tunnel: m.finding_tunnel,
  multicast_refused: m.finding_multicast_refused,
  no_multicast: m.finding_no_multicast,
  nothing_wrong_here: m.finding_nothing_wrong_here,
};

export function sayFailure(failure: FailureView): string {
  const sentence = SENTENCES[failure.code] ?? (spoken.current === "en" ? undefined : TRANSLATED[failure.code]);
  return sentence ? sentence() : asSentence(failure.message || m.failure_internal());
}

/** What the doctor found about the network. */
export function sayFinding(finding: FindingView): string {
  const sentence = spoken.current === "en" ? undefined : FINDINGS[finding.code];
  return sentence ? sentence() : asSentence(finding.message);
}

function asSentence(message: string): string {
  const text = message.charAt(0).toLocaleUpperCase() + message.slice(1);
  return /[.!?。！？]$/.test(text) ? text : `${text}.`;
}
