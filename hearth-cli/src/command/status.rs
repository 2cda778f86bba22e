//! `status`: the known hosts, who we are there, and whether they can be reached.

use std::time::Duration;

use client_core::{Client, ConnectionState, Profile};
use serde_json::json;

use super::live;
use crate::failure::Failure;
use crate::output::{self, plain};

/// Long enough for a host that is there; one that is not should not hold the list up.
const REACH: Duration = Duration::from_secs(5);

pub(super) async fn status(profile: &Profile, within: Duration, as_json: bool) -> Result<(), Failure> {
    let clients = profile.start().await?;
    for host in profile.hosts().await? {
        let client = clients.iter().find(|client| *client.id() == host.id);
        let (state, reason) = match client {
            Some(client) => reach(client, within.min(REACH)).await,
            None => ("unknown", None),
        };
        let unsent = match client {
            Some(client) => client.unsent().await?,
            None => 0,
        };
        let member = host.last_member.map(|member| member.name).unwrap_or_default();
        if as_json {
            output::json(&json!({
                "host": host.id, "name": host.name, "words": host.words, "addresses": host.addresses,
                "member_name": member, "state": state, "reason": reason, "unsent": unsent,
            }))?;
            continue;
        }
        output::line(&format!("{} as {}: {state}", plain(&host.name), plain(&member)))?;
        if let Some(reason) = reason {
            output::line(&format!("    {}", plain(&reason)))?;
        }
        output::line(&format!("    {}  {}", host.words, host.addresses.join(" ")))?;
        if unsent > 0 {
            output::line(&format!("    {unsent} messages wait in the outbox"))?;
        }
    }
    Ok(())
}

async fn reach(client: &Client, within: Duration) -> (&'static str, Option<String>) {
    // Why it is not live is in the state itself.
    let _ = live(client, within).await;
    match &*client.state().borrow() {
        ConnectionState::Live => ("live", None),
        ConnectionState::Dialling | ConnectionState::SigningIn => ("dialling", None),
        ConnectionState::Waiting { reason, .. } => ("waiting", Some(reason.to_string())),
        ConnectionState::Stopped { reason } => ("stopped", Some(reason.to_string())),
    }
}
