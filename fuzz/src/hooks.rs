//! Bodies of incoming webhooks, by the host's own readers, which are private to it.
#![allow(dead_code, reason = "the tests of these files stay at home")]

#[path = "../../server-core/src/http/hooks/alerts.rs"]
mod alerts;
mod body;
#[path = "../../server-core/src/http/hooks/form.rs"]
mod form;
#[path = "../../server-core/src/http/hooks/github.rs"]
mod github;
#[path = "../../server-core/src/http/hooks/mrkdwn.rs"]
mod mrkdwn;
#[path = "../../server-core/src/http/hooks/slack.rs"]
mod slack;
#[path = "../../server-core/src/http/hooks/text.rs"]
mod text;

pub(crate) use body::read;
