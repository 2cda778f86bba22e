//! `discover`: hosts on the local network, and why there are none.

use std::time::Duration;

use client_core::discovery;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

pub(super) async fn discover(seconds: u64, as_json: bool) -> Result<(), Failure> {
    let mut found = discovery::browse(Vec::new())?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let hosts = found.borrow_and_update().clone();
    for host in &hosts {
        if as_json {
            output::json(&json!({
                "id_prefix": host.id_prefix, "name": host.name, "addresses": host.addresses, "version": host.version,
            }))?;
        } else {
            output::line(&format!("{}  {}  {}", host.name, host.id_prefix, host.addresses.join(" ")))?;
        }
    }
    if !hosts.is_empty() {
        return Ok(());
    }
    for finding in discovery::doctor() {
        if as_json {
            let (code, message, interface) = (finding.code, finding.message, finding.interface);
            output::json(&json!({ "code": code, "message": message, "interface": interface }))?;
        } else {
            output::line(&finding.message)?;
        }
    }
    Err(Failure::Failed(format!("no host was found within {seconds} s")))
}
