//! By what a client can be known.
//!
//! Refuses to hold a secret as mere text: its `Debug` would end up in a log.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::redacted::Secret;

/// By which means a client signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SignIn {
    /// As an existing member.
    Password {
        /// The member's name.
        name: String,
        /// Theirs.
        password: Secret,
    },
    /// As a new member, by an invite.
    Invite {
        /// The `t` of the link.
        token: Secret,
        /// The name to have.
        name: String,
        /// To sign in from other devices later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        password: Option<Secret>,
    },
    /// As a new member where the welcome said that registration is open.
    Register {
        /// The name to have.
        name: String,
        /// To sign in from other devices later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        password: Option<Secret>,
    },
    /// As the device that was signed in before.
    Session {
        /// From `signed_in`.
        token: Secret,
    },
}
