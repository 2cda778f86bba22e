//! Accounts that programs use: hooks, which post into one room, and bots, which also read.

use protocol::{MemberId, RoomId, Secret};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Administration, Answer, Bot, Hook, Report, unknown};
use crate::error::Refusal;
use crate::names::fold;
use crate::network::in_a_browser;
use crate::outgoing::Target;
use crate::programs::{Introduced, checked_name, checked_url, write_bot, write_hook, write_report};
use crate::store::Denied;
use crate::store::table::{bots, hooks, members, reports, rooms};
use crate::token;

impl Administration {
    pub(super) async fn hooks(&self) -> Result<Answer, Refusal> {
        let all = self.host.read(|conn| Ok(hooks::all(conn)?)).await?;
        let shown = |(id, name, room)| Hook { id, name, room };
        Ok(Answer::Hooks { hooks: all.into_iter().map(shown).collect() })
    }

    pub(super) async fn create_hook(&self, name: String, room: String) -> Result<Answer, Refusal> {
        let name = checked_name(&name)?;
        let (token, hash) = token::fresh()?;
        let (signing, _) = token::fresh()?;
        let (id, signing_key, called) = (Uuid::now_v7(), signing.0.clone(), name.clone());
        let work = move |conn: &Connection| {
            write_hook(conn, (id, find_room(conn, &room)?, &called), (&hash, signing_key))
        };
        self.introduce(("hook made", name), work).await?;
        let address = self.host.addresses(self.bound).into_iter().next().unwrap_or_default();
        let (scheme, place) = in_a_browser(&address);
        Ok(Answer::HookCreated {
            id,
            url: Secret(format!("{scheme}://{place}/hooks/{}", token.0)),
            signing_key: signing,
        })
    }

    pub(super) async fn revoke_hook(&self, hook: Uuid) -> Result<Answer, Refusal> {
        let work = move |conn: &Connection| match hooks::remove(conn, hook)? {
            true => Ok(()),
            false => Err(unknown("hook", "admin hook list").into()),
        };
        self.commit(("hook revoked", hook.to_string()), work, |(), _| {}).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn reports(&self) -> Result<Answer, Refusal> {
        let all = self.host.read(|conn| Ok(reports::all(conn)?)).await?;
        let shown = |(row, room): (reports::Row, String)| Report {
            id: row.id,
            room,
            to: Target::read(&row.url).map(|target| target.name().to_owned()).unwrap_or_default(),
            sent: row.sent.0,
            failures: row.failures,
            problem: Some(row.problem).filter(|problem| !problem.is_empty()),
            given_up: row.given_up,
        };
        Ok(Answer::Reports { reports: all.into_iter().map(shown).collect() })
    }

    pub(super) async fn create_report(&self, room: String, url: String) -> Result<Answer, Refusal> {
        let target = checked_url(&url)?;
        let (signing, _) = token::fresh()?;
        let (id, signing_key, object) =
            (Uuid::now_v7(), signing.0.clone(), format!("{room}: {}", target.name()));
        let work =
            move |conn: &Connection| write_report(conn, (id, find_room(conn, &room)?), (url, signing_key));
        self.commit(("report made", object), work, |_, _| {}).await?;
        Ok(Answer::ReportCreated { id, signing_key: signing })
    }

    pub(super) async fn revoke_report(&self, report: Uuid) -> Result<Answer, Refusal> {
        let work = move |conn: &Connection| match reports::remove(conn, report)? {
            true => Ok(()),
            false => Err(unknown("report", "admin report list").into()),
        };
        self.commit(("report revoked", report.to_string()), work, |(), _| {}).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn resume_report(&self, report: Uuid) -> Result<Answer, Refusal> {
        let work = move |conn: &Connection| match reports::resume(conn, report)? {
            true => Ok(()),
            false => Err(unknown("report", "admin report list").into()),
        };
        self.commit(("report resumed", report.to_string()), work, |(), _| {}).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn bots(&self) -> Result<Answer, Refusal> {
        let all = self.host.read(|conn| Ok(bots::all(conn)?)).await?;
        Ok(Answer::Bots { bots: all.into_iter().map(|(id, name)| Bot { id, name }).collect() })
    }

    pub(super) async fn create_bot(&self, name: String, into: Vec<String>) -> Result<Answer, Refusal> {
        let name = checked_name(&name)?;
        let (token, hash) = token::fresh()?;
        let called = name.clone();
        let work = move |conn: &Connection| {
            let mut into = into.iter().map(|room| find_room(conn, room)).collect::<Result<Vec<_>, _>>()?;
            into.sort_unstable();
            into.dedup();
            write_bot(conn, (&called, &into), &hash)
        };
        let member = self.introduce(("bot made", name), work).await?;
        Ok(Answer::BotCreated { id: member, token })
    }

    pub(super) async fn revoke_bot(&self, name: String) -> Result<Answer, Refusal> {
        let asked = name.clone();
        let work = move |conn: &Connection| {
            let member = members::by_name(conn, asked.trim())?.map(|member| member.id);
            match member {
                Some(member) if bots::remove(conn, member)? => Ok(member),
                _ => Err(unknown("bot", "admin bot list").into()),
            }
        };
        self.commit(("bot revoked", name), work, |member, hub| hub.rights().end(*member)).await?;
        Ok(Answer::Done)
    }

    /// Writes a program's account and tells everyone of it.
    async fn introduce<W>(&self, act: (&'static str, String), work: W) -> Result<MemberId, Refusal>
    where
        W: FnOnce(&Connection) -> Result<Introduced, Denied> + Send + 'static,
    {
        Ok(self.commit(act, work, |made, hub| made.tell(hub)).await?.member.id)
    }
}

/// A room by its id, or by its name where only one has it.
pub(super) fn find_room(conn: &Connection, text: &str) -> Result<RoomId, Denied> {
    let all = rooms::all(conn)?;
    if let Some(room) = all.iter().find(|room| room.id.to_string() == text) {
        return Ok(room.id);
    }
    let wanted = fold(text.trim_start_matches('#'));
    let mut named = all.iter().filter(|room| fold(&room.name) == wanted);
    match (named.next(), named.next()) {
        (Some(room), None) => Ok(room.id),
        (Some(_), Some(_)) => {
            Err(Refusal::field("room", "is a name that several rooms have; give the id").into())
        }
        (None, _) => Err(unknown("room", "admin room list").into()),
    }
}
