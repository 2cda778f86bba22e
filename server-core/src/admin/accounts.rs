//! Accounts, passwords, roles and sessions, by name.

use std::sync::Arc;

use protocol::{DeviceId, ErrorCode, MemberId, Role, Secret, Standing, limits};
use vault::rusqlite::Connection;

use super::{Administration, Answer, Device, User, unknown};
use crate::admission::{self, Account};
use crate::enrolment;
use crate::error::Refusal;
use crate::handler::accounts::{as_changed, check_active, tell_of};
use crate::handler::sessions::as_seen;
use crate::handler::succession;
use crate::hub::Hub;
use crate::offload::Asker;
use crate::programs::refuse_programs;
use crate::store::table::{invites, members, passwords, second_factors, sessions};
use crate::store::{Denied, now};
use crate::token;

/// Made-up passwords have this many characters of base64url: 120 bits.
const PASSWORD_CHARS: usize = 20;

impl Administration {
    pub(super) async fn users(&self) -> Result<Answer, Refusal> {
        let rows = self.host.read(|conn| Ok(members::page(conn, None, u32::MAX)?)).await?;
        let online = |row: &members::Row| self.host.hub.is_online(row.id);
        let shown = |row: members::Row| User {
            id: row.id,
            online: online(&row),
            role: row.role,
            standing: row.standing,
            name: row.name,
        };
        let mut users = rows.into_iter().map(shown).collect::<Vec<_>>();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Answer::Users { users })
    }

    pub(super) async fn add_user(
        &self,
        name: String,
        role: Role,
        password: Option<Secret>,
    ) -> Result<Answer, Refusal> {
        let name = limits::check_name(&name).map_err(|problem| Refusal::field("name", problem))?.to_owned();
        let (hash, made_up) = self.password(password).await?;
        let account = Account { name: name.clone(), password_hash: Some(hash) };
        let work = move |conn: &Connection| {
            if role == Role::Owner {
                if members::has_owner(conn)? {
                    return Err(one_owner());
                }
                invites::forget_owner(conn)?;
            } else if !members::has_owner(conn)? {
                return Err(Refusal::forbidden("this host has no owner yet; add the owner first").into());
            }
            let (member, events) = admission::write_account(conn, account, role, &[], now())?;
            Ok((members::by_id(conn, member)?.ok_or_else(no_such_account)?, events))
        };
        let host = self.host.clone();
        self.commit(("account made", name.clone()), work, move |(member, events), hub| {
            if member.role == Role::Owner {
                host.owner_came();
            }
            hub.tell_everyone(protocol::Reply::Member { member: member.clone().shown(false) });
            for event in events {
                hub.tell_room(event.room, protocol::Reply::Event { event: event.clone() });
            }
        })
        .await?;
        Ok(Answer::Password { name, password: made_up })
    }

    pub(super) async fn reset_password(
        &self,
        name: String,
        password: Option<Secret>,
    ) -> Result<Answer, Refusal> {
        let (hash, made_up) = self.password(password).await?;
        let asked = name.clone();
        let work = move |conn: &Connection| {
            let member = account(conn, &asked)?;
            refuse_programs(conn, member.id)?;
            passwords::set(conn, member.id, &hash, now())?;
            Ok((member.id, sessions::remove_all(conn, member.id)?))
        };
        self.commit(("password reset", name.clone()), work, |(member, devices), hub| {
            devices.iter().for_each(|device| hub.end_device(*member, *device, None));
        })
        .await?;
        Ok(Answer::Password { name, password: made_up })
    }

    pub(super) async fn end_second_factor(&self, name: String) -> Result<Answer, Refusal> {
        let (asked, host) = (name.clone(), self.host.clone());
        let work = move |conn: &Connection| {
            let member = account(conn, &asked)?;
            match second_factors::remove(conn, member.id)? {
                true => Ok((member.id, host.live.load().second_factor.is_asked_of(member.role))),
                false => Err(Refusal::new(ErrorCode::NotFound, "this account has no second factor").into()),
            }
        };
        // Whoever must have one sets up another before anything else.
        let then = |(member, is_asked): &(MemberId, bool), hub: &Arc<Hub>| {
            if *is_asked {
                hub.call_again(*member);
            }
        };
        self.commit(("second factor ended", name), work, then).await?;
        Ok(Answer::Done)
    }

    pub(super) async fn set_role(&self, name: String, role: Role) -> Result<Answer, Refusal> {
        let (asked, host) = (name.clone(), self.host.clone());
        let work = move |conn: &Connection| {
            let member = account(conn, &asked)?;
            let mut changed = Vec::new();
            if member.role == Role::Owner && role != Role::Owner {
                return Err(Refusal::forbidden("give the role of owner to somebody else instead").into());
            }
            check_active(&member)?;
            if role != Role::Guest {
                refuse_programs(conn, member.id)?;
            }
            if role == Role::Owner
                && let Some(before) = members::owner(conn)?.filter(|before| before.id != member.id)
            {
                members::set_role(conn, before.id, Role::Admin)?;
                changed.push(before.id);
            }
            members::set_role(conn, member.id, role)?;
            changed.push(member.id);
            let events = succession::hand_all_on(conn, member.id, acting(conn, member.id)?)?;
            let rule = host.live.load().second_factor;
            let turned = enrolment::has_turned(conn, rule, member.id, (member.role, role))?;
            Ok((as_changed(conn, &changed)?, events, turned.then_some(member.id)))
        };
        let object = format!("{name} {}", members::role_name(role));
        self.commit(("role set", object), work, |(changed, events, turned), hub| {
            changed.iter().for_each(|member| hub.rights().end(member.id));
            for event in events {
                hub.tell_room(event.room, protocol::Reply::Event { event: event.clone() });
            }
            tell_of(changed.iter().cloned(), hub);
            turned.iter().for_each(|member| hub.call_again(*member));
        })
        .await?;
        Ok(Answer::Done)
    }

    pub(super) async fn set_standing(&self, name: String, standing: Standing) -> Result<Answer, Refusal> {
        let act = match standing {
            Standing::Active => "account let in again",
            Standing::Deactivated => "account deactivated",
            Standing::Banned => "account banned",
            Standing::Gone => {
                return Err(Refusal::field("standing", "must be active, deactivated or banned"));
            }
        };
        let asked = name.clone();
        let work = move |conn: &Connection| {
            let member = account(conn, &asked)?;
            if member.role == Role::Owner && standing != Standing::Active {
                return Err(
                    Refusal::forbidden("the owner stays; give the role to somebody else first").into()
                );
            }
            members::set_standing(conn, member.id, standing)?;
            if standing != Standing::Active {
                sessions::remove_all(conn, member.id)?;
            }
            let events = succession::hand_all_on(conn, member.id, acting(conn, member.id)?)?;
            Ok((as_changed(conn, &[member.id])?, events))
        };
        self.commit((act, name), work, move |(changed, events), hub| {
            if standing != Standing::Active {
                changed.iter().for_each(|member| hub.end_member(member.id, None));
            }
            for event in events {
                hub.tell_room(event.room, protocol::Reply::Event { event: event.clone() });
            }
            tell_of(changed.iter().cloned(), hub);
        })
        .await?;
        Ok(Answer::Done)
    }

    pub(super) async fn sessions(&self, name: String) -> Result<Answer, Refusal> {
        let nobody = DeviceId(uuid::Uuid::nil());
        let found = self.host.read(move |conn| {
            let member = account(conn, &name)?.id;
            Ok((member, sessions::of_member(conn, member, nobody, limits::LIST_ITEMS)?))
        });
        let (member, devices) = found.await?;
        let devices = as_seen(&self.host.hub, member, devices);
        let shown = |device: protocol::Device| Device {
            id: device.id,
            name: device.name,
            since: device.since,
            last_seen: device.last_seen,
            address: device.address,
        };
        Ok(Answer::Sessions { devices: devices.into_iter().map(shown).collect() })
    }

    pub(super) async fn revoke_session(
        &self,
        name: String,
        device: Option<DeviceId>,
    ) -> Result<Answer, Refusal> {
        let asked = name.clone();
        let work = move |conn: &Connection| {
            let member = account(conn, &asked)?.id;
            let Some(device) = device else { return Ok((member, sessions::remove_all(conn, member)?)) };
            match sessions::remove(conn, member, device)? {
                true => Ok((member, vec![device])),
                false => Err(unknown("device", "admin session list").into()),
            }
        };
        self.commit(("sessions ended", name), work, |(member, devices), hub| {
            devices.iter().for_each(|device| hub.end_device(*member, *device, None));
        })
        .await?;
        Ok(Answer::Done)
    }

    /// The hash of a password that was given, or of one made up here.
    async fn password(&self, given: Option<Secret>) -> Result<(String, Option<Secret>), Refusal> {
        if let Some(given) = given {
            limits::check_password(&given.0).map_err(|problem| Refusal::field("password", problem))?;
            return Ok((self.host.hashing.hash(&self.host.limits(), Asker::Operator, &given).await?, None));
        }
        let mut made_up = token::fresh()?.0;
        made_up.0.truncate(PASSWORD_CHARS);
        Ok((self.host.hashing.hash(&self.host.limits(), Asker::Operator, &made_up).await?, Some(made_up)))
    }
}

/// Whose doing the operator's is in the log of a room: the owner's, or where there is none, that of `member`.
fn acting(conn: &Connection, member: MemberId) -> Result<MemberId, Denied> {
    Ok(members::owner(conn)?.map_or(member, |owner| owner.id))
}

pub(super) fn account(conn: &Connection, name: &str) -> Result<members::Row, Denied> {
    Ok(members::by_name(conn, name.trim())?.ok_or_else(no_such_account)?)
}

fn no_such_account() -> Refusal {
    unknown("account", "admin user list")
}

fn one_owner() -> Denied {
    Refusal::forbidden("a host has one owner; to hand it over, give the role to another account").into()
}
