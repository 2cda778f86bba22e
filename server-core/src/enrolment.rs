//! Who must have a second factor, and what those may do who have none yet.
//!
//! Whoever must and has none is let in aside: such a connection hears nothing, and asks for nothing but what is needed
//! to set one up. How somebody stands is decided at the sign-in alone; whenever it changes, by a reload, another role
//! or a factor that is new or gone, their connections are told to sign in again.

use std::sync::Arc;

use protocol::{CloseCode, ErrorCode, MemberId, Request, Role};
use tokio::sync::oneshot;
use vault::rusqlite::{Connection, Result};

use crate::config::SecondFactor;
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::Hub;
use crate::store::table::{members, second_factors};

/// Whether a second factor is asked of `member`, who is `role`, and they have none.
pub(crate) fn is_missing(
    conn: &Connection,
    asked: SecondFactor,
    (member, role): (MemberId, Role),
) -> Result<bool> {
    Ok(asked.is_asked_of(role) && !second_factors::is_on(conn, member)?)
}

/// Whether another role has `member` stand otherwise.
pub(crate) fn has_turned(
    conn: &Connection,
    asked: SecondFactor,
    member: MemberId,
    (before, now): (Role, Role),
) -> Result<bool> {
    Ok(asked.is_asked_of(before) != asked.is_asked_of(now) && !second_factors::is_on(conn, member)?)
}

/// Whether those may ask this who must set up a second factor first.
pub(crate) fn check(request: &Request) -> std::result::Result<(), Refusal> {
    match request {
        Request::Hello { .. }
        | Request::SignIn { .. }
        | Request::SignOut
        | Request::Ping
        | Request::SecondFactor
        | Request::BeginSecondFactor { .. }
        | Request::ConfirmSecondFactor { .. }
        // The code stands beside a password, which somebody who came by an invite may not have.
        | Request::SetPassword { .. } => Ok(()),
        _ => Err(Refusal::new(
            ErrorCode::SecondFactorMissing,
            "this host asks you for a second factor; set one up first, then everything is open to you",
        )),
    }
}

/// After a reload: whoever stands otherwise by it signs in again.
pub(crate) async fn recall(host: &Host, before: SecondFactor) {
    let now = host.live.load().second_factor;
    if before == now {
        return;
    }
    // What is being written by the old rule is written before anybody is looked for.
    let (done, written) = oneshot::channel();
    let then = move |_: std::result::Result<(), Refusal>, _: &Arc<Hub>| {
        let _ = done.send(());
    };
    if host.committer.commit(|_: &Connection| Ok(()), then).await.is_ok() {
        let _ = written.await;
    }
    // Taken after the rule: whoever comes later is let in by the new one. How they sit is compared with how they stand, for
    // their role may have changed since they were seated.
    let here = host.hub.seated();
    let turned = host.read(move |conn| {
        let mut turned = Vec::new();
        for (member, (hears, aside)) in here {
            if let Some((role, _)) = members::account(conn, member)? {
                let missing = is_missing(conn, now, (member, role))?;
                if (missing && hears) || (!missing && aside) {
                    turned.push(member);
                }
            }
        }
        Ok(turned)
    });
    match turned.await {
        Ok(turned) => turned.into_iter().for_each(|member| host.hub.call_again(member)),
        // Who stands how can't be known: then everyone does.
        Err(_) => host.hub.close_everyone(CloseCode::SignInAgain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Guest];

    #[test]
    fn it_is_asked_of_nobody_of_those_who_run_the_host_or_of_everyone() {
        let asked = |rule: SecondFactor| ROLES.map(|role| rule.is_asked_of(role));
        assert_eq!(asked(SecondFactor::None), [false; 4]);
        assert_eq!(asked(SecondFactor::Admins), [true, true, false, false]);
        assert_eq!(asked(SecondFactor::Everyone), [true; 4]);
    }
}
