//! Invites in the owner's name.

use protocol::{InviteId, InviteLink, Role, Secret, UnixMillis, limits};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{Administration, Answer, unknown};
use crate::error::Refusal;
use crate::handler::invites::check_terms;
use crate::network::in_a_browser;
use crate::permissions::{Object, Operation, permit};
use crate::store::now;
use crate::store::table::{invites, members};
use crate::token;

/// How long the owner's way back in is open, in milliseconds: time to walk to another device.
const RECOVERY_LIFE_MS: i64 = 3600 * 1000;

impl Administration {
    pub(super) async fn invites(&self) -> Result<Answer, Refusal> {
        let invites = self.host.read(|conn| Ok(invites::living(conn, now(), limits::LIST_ITEMS)?)).await?;
        Ok(Answer::Invites { invites })
    }

    pub(super) async fn create_invite(&self, role: Role, uses: u32, life_ms: i64) -> Result<Answer, Refusal> {
        check_terms(uses, life_ms)?;
        permit(Role::Owner, Operation::CreateInvite(role), Object::Host)?;
        let (token, hash) = token::fresh()?;
        let id = InviteId(Uuid::now_v7());
        let work = move |conn: &Connection| {
            let owner = members::owner(conn)?
                .ok_or_else(|| Refusal::forbidden("this host has no owner yet; use the owner's link"))?;
            let now = now();
            let expires_at = UnixMillis(now.0.saturating_add(life_ms));
            let row = invites::Row {
                id,
                role,
                uses_left: uses,
                expires_at,
                by: Some(owner.id),
                revoked: false,
                recovers: None,
            };
            Ok(invites::insert(conn, &row, &hash, now)?)
        };
        let object = format!("{id} {}", members::role_name(role));
        self.commit(("invite made", object), work, |(), _| {}).await?;
        let (link, web_link) = self.links(token);
        Ok(Answer::InviteCreated { id, link, web_link })
    }

    /// A link for the owner who lost password or second factor. One at a time: a new one ends those before.
    pub(super) async fn recover_owner(&self) -> Result<Answer, Refusal> {
        let (token, hash) = token::fresh()?;
        let id = InviteId(Uuid::now_v7());
        let expires_at = UnixMillis(now().0 + RECOVERY_LIFE_MS);
        let work = move |conn: &Connection| {
            let owner = members::owner(conn)?.ok_or_else(|| {
                Refusal::forbidden("this host has no owner yet; it prints the owner's link at each start")
            })?;
            invites::forget_recoveries(conn)?;
            let row = invites::Row {
                id,
                role: Role::Owner,
                uses_left: 1,
                expires_at,
                by: None,
                revoked: false,
                recovers: Some(owner.id),
            };
            invites::insert(conn, &row, &hash, now())?;
            Ok(owner.name)
        };
        let name = self.commit(("owner link made", id.to_string()), work, |_, _| {}).await?;
        let (link, web_link) = self.links(token);
        Ok(Answer::OwnerLink { name, link, web_link, expires_at })
    }

    /// For the app, and for a browser.
    fn links(&self, token: Secret) -> (Secret, Secret) {
        let mut addresses = self.host.addresses(self.bound);
        addresses.truncate(protocol::invite_link::ADDRESSES);
        let address = addresses.first().cloned().unwrap_or_default();
        let (scheme, place) = in_a_browser(&address);
        let invite = InviteLink { host: self.host.identity.id().clone(), addresses, token };
        (Secret(invite.to_app_link()), Secret(invite.to_web_link(scheme, place)))
    }

    pub(super) async fn revoke_invite(&self, invite: InviteId) -> Result<Answer, Refusal> {
        let work = move |conn: &Connection| match invites::revoke(conn, invite)? {
            true => Ok(()),
            false => Err(unknown("invite", "admin invite list").into()),
        };
        self.commit(("invite revoked", invite.to_string()), work, |(), _| {}).await?;
        Ok(Answer::Done)
    }
}
