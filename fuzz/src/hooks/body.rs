//! Bodies of incoming webhooks, read by the host's own readers: what comes out fits a message.
//!
//! The first byte chooses the reader. Beside this file stand the readers, wherever it is.

use super::{alerts, form, github, mrkdwn, slack, text};

const EVENTS: [&str; 12] = [
    "ping",
    "push",
    "pull_request",
    "pull_request_review",
    "issues",
    "issue_comment",
    "release",
    "workflow_run",
    "create",
    "delete",
    "star",
    "",
];

pub(crate) fn read(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else { return };
    let kind = usize::from(kind);
    let said = match kind {
        0..40 => serde_json::from_slice(body).ok().and_then(slack::read),
        40..60 => form::payload(body).and_then(|json| serde_json::from_str(&json).ok()).and_then(slack::read),
        60..80 => std::str::from_utf8(body).ok().map(mrkdwn::markdown),
        80..120 => serde_json::from_slice(body).ok().map(|payload| alerts::read(&payload)),
        120..130 => {
            assert!(!github::is_signed("a key", &String::from_utf8_lossy(body), b"what nobody signed"));
            None
        }
        _ => serde_json::from_slice(body)
            .ok()
            .and_then(|payload| github::read(EVENTS[kind % EVENTS.len()], &payload)),
    };
    let Some(said) = said else { return };
    for most in [protocol::limits::TEXT_BYTES, 100] {
        if let Some(text) = text::fit(said.clone(), most) {
            protocol::limits::check_text(&text).expect("it can be a message");
            assert!(text.len() <= most, "it fits a message");
        }
    }
}
