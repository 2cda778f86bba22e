//! A member's own second factor: begun, confirmed, renewed, ended. Asking for it is the sign-in's part.

use std::sync::Arc;

use protocol::{ErrorCode, MemberId, Reply, Secret};
use vault::rusqlite::Connection;

use super::sessions::{Proven, prove};
use super::{Answer, Caller, role};
use crate::error::Refusal;
use crate::hub::Hub;
use crate::second_factor::{self, Code};
use crate::store::table::{audits, members, passwords, second_factors};
use crate::store::{Denied, now};

pub(crate) async fn state(caller: &Caller) -> Answer {
    let member = caller.member;
    let found = caller.read(move |conn| {
        let left = second_factors::count_recovery_codes(conn, member)?;
        Ok(Reply::SecondFactor { on: second_factors::is_on(conn, member)?, recovery_codes: left })
    });
    Ok(Some(found.await?))
}

pub(crate) async fn begin(caller: &Caller, req: u32, password: Secret) -> Answer {
    let member = caller.member;
    let proven = prove(caller, ("password", Some(password))).await?;
    let secret = second_factor::fresh()?;
    let host = caller.host.live.load().name.clone();
    let work = move |conn: &Connection| -> Result<Reply, Denied> {
        role(conn, member)?;
        proven.check(conn, member)?;
        if passwords::of(conn, member)?.is_none() {
            return Err(Refusal::forbidden("set a password first: the code is asked for beside it").into());
        }
        if second_factors::is_on(conn, member)? {
            return Err(Refusal::forbidden("there is a second factor already; end it first").into());
        }
        second_factors::begin(conn, member, secret)?;
        let name = members::by_id(conn, member)?.map(|row| row.name).unwrap_or_default();
        let (secret, uri) = second_factor::enrolment(secret, &name, &host).ok_or_else(Refusal::internal)?;
        Ok(Reply::SecondFactorBegun { secret, uri })
    };
    caller.commit(req, work, |begun, _| begun).await
}

pub(crate) async fn confirm(caller: &Caller, req: u32, code: Secret) -> Answer {
    let member = caller.member;
    let codes = second_factor::recovery_codes()?;
    let attempt = Attempt::at(caller, &code)?;
    let work = move |conn: &Connection| -> Result<Reply, Denied> {
        role(conn, member)?;
        if !second_factors::is_pending(conn, member)? {
            return Err(Refusal::not_found("begun second factor").into());
        }
        attempt.spend(conn)?;
        second_factors::confirm(conn, member, now())?;
        note(conn, member, "second factor begun")?;
        keep(conn, member, codes)
    };
    let outlet = Arc::clone(&caller.outlet);
    let then = move |codes: Result<Reply, Refusal>, hub: &Arc<Hub>| {
        let confirmed = codes.is_ok();
        hub.answer(&outlet, req, codes);
        if confirmed {
            hub.let_in(member);
        }
    };
    caller.submit(work, then).await?;
    Ok(None)
}

pub(crate) async fn renew(
    caller: &Caller,
    req: u32,
    (password, code): (Option<Secret>, Option<Secret>),
) -> Answer {
    let member = caller.member;
    let codes = second_factor::recovery_codes()?;
    let ground = by_either(caller, password, code).await?;
    let work = move |conn: &Connection| -> Result<Reply, Denied> {
        role(conn, member)?;
        if !second_factors::is_on(conn, member)? {
            return Err(Refusal::not_found("second factor").into());
        }
        ground.check(conn)?;
        keep(conn, member, codes)
    };
    caller.commit(req, work, |codes, _| codes).await
}

pub(crate) async fn end(
    caller: &Caller,
    req: u32,
    (password, code): (Option<Secret>, Option<Secret>),
) -> Answer {
    let member = caller.member;
    let ground = by_either(caller, password, code).await?;
    let asking = Arc::clone(&caller.host);
    let work = move |conn: &Connection| -> Result<(), Denied> {
        if asking.live.load().second_factor.is_asked_of(role(conn, member)?) {
            return Err(Refusal::forbidden("this host asks you for a second factor, so yours stays").into());
        }
        ground.check(conn)?;
        if second_factors::remove(conn, member)? {
            note(conn, member, "second factor ended")?;
        }
        Ok(())
    };
    caller.commit(req, work, |(), _| Reply::Done).await
}

/// A code that costs one of the account's attempts unless it is right.
struct Attempt {
    caller: Caller,
    code: Option<Code>,
}

impl Attempt {
    fn at(caller: &Caller, typed: &Secret) -> Result<Self, Refusal> {
        caller.host.attempt_by_code(caller.member)?;
        Ok(Self { caller: caller.clone(), code: Code::read(typed) })
    }

    /// Uses the code up.
    fn spend(self, conn: &Connection) -> Result<(), Denied> {
        spend(conn, self.caller.member, self.code)?;
        self.caller.host.attempt_by_code_was_good(self.caller.member);
        Ok(())
    }
}

/// Uses up a code of `member`.
pub(crate) fn spend(conn: &Connection, member: MemberId, code: Option<Code>) -> Result<(), Denied> {
    match code.map(|code| second_factors::take(conn, member, code, now())).transpose()? {
        Some(true) => Ok(()),
        _ => Err(wrong_code().into()),
    }
}

/// By what whoever speaks may do this: the password, or else a code. The last word on both is the transaction's.
enum Ground {
    Password(MemberId, Proven),
    Code(Attempt),
}

impl Ground {
    fn check(self, conn: &Connection) -> Result<(), Denied> {
        match self {
            Self::Password(member, proven) => proven.check(conn, member),
            Self::Code(attempt) => attempt.spend(conn),
        }
    }
}

async fn by_either(
    caller: &Caller,
    password: Option<Secret>,
    code: Option<Secret>,
) -> Result<Ground, Refusal> {
    if let Some(code) = code {
        return Attempt::at(caller, &code).map(Ground::Code);
    }
    let password = password.ok_or_else(|| Refusal::field("password", "or a code is needed"))?;
    Ok(Ground::Password(caller.member, prove(caller, ("password", Some(password))).await?))
}

fn keep(conn: &Connection, member: MemberId, codes: Vec<(Secret, [u8; 32])>) -> Result<Reply, Denied> {
    let (codes, hashes): (Vec<_>, Vec<_>) = codes.into_iter().unzip();
    second_factors::set_recovery_codes(conn, member, &hashes)?;
    Ok(Reply::RecoveryCodes { codes })
}

fn note(conn: &Connection, member: MemberId, act: &str) -> Result<(), Denied> {
    let name = members::by_id(conn, member)?.map(|row| row.name).unwrap_or_default();
    Ok(audits::note(conn, Some(member), act, &name, now())?)
}

pub(crate) fn wrong_code() -> Refusal {
    Refusal::new(
        ErrorCode::WrongCode,
        "this code is not right, or was used before; take the one your authenticator shows now, or a recovery code",
    )
}
