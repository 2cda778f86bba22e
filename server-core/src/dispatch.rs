//! Which request is answered by whom.

mod question;

use protocol::{Reply, Request};

use crate::enrolment;
use crate::error::Refusal;
use crate::handler::programs::ReportAct;
use crate::handler::{
    Caller, accounts, avatars, delivery, history, invites, marks, members, messages, people, pins, presence,
    programs, reactions, retention, room_members, room_settings, rooms, search, second_factor, sessions,
    sync, threads,
};
use crate::store::table::members::Status;
use crate::store::table::relations;
use question::is_question;

/// Answers one request of a signed-in connection, or of a program.
pub(crate) async fn dispatch(caller: Caller, req: u32, mut request: Request) {
    caller.host.metrics.requests.increment(1);
    loop {
        let question = is_question(&request).then(|| (request.clone(), caller.ends()));
        let reply = match answer(&caller, req, request).await {
            Ok(Some(reply)) => reply,
            // The write path answers after the commit.
            Ok(None) => return,
            Err(refusal) => {
                caller.host.metrics.refused(refusal.code);
                return caller.outlet.answer(req, Err(refusal));
            }
        };
        match question {
            None => return caller.outlet.answer(req, Ok(reply)),
            // What was read before a right ended is not said after it: whoever asks still may be told something else.
            Some((question, since)) => {
                if caller.unless_ended(since, || caller.outlet.answer(req, Ok(reply))) {
                    return;
                }
                request = question;
            }
        }
    }
}

async fn answer(caller: &Caller, req: u32, request: Request) -> Result<Option<Reply>, Refusal> {
    if caller.aside {
        enrolment::check(&request)?;
    }
    match request {
        Request::Hello { .. } | Request::SignIn { .. } => Err(out_of_order()),
        Request::Ping => Ok(Some(Reply::Pong)),
        Request::SignOut => sessions::sign_out(caller, req).await,
        Request::Rooms => rooms::mine(caller).await,
        Request::Directory { after } => rooms::directory(caller, after).await,
        Request::CreateRoom { name, topic, visibility, reading } => {
            rooms::create(caller, req, (&name, &topic), visibility, reading).await
        }
        Request::OpenDirect { members } => rooms::open_direct(caller, req, members).await,
        Request::RenameRoom { room, name } => room_settings::rename(caller, req, room, &name).await,
        Request::SetTopic { room, topic } => room_settings::set_topic(caller, req, room, &topic).await,
        Request::SetRoomAvatar { room, image } => avatars::set_of_room(caller, req, room, image).await,
        Request::RoomAvatar { room } => avatars::of_room(caller, room).await,
        Request::SetReading { room, reading } => room_settings::set_reading(caller, req, room, reading).await,
        Request::ArchiveRoom { room } => room_settings::archive(caller, req, room, true).await,
        Request::RestoreRoom { room } => room_settings::archive(caller, req, room, false).await,
        Request::DeleteRoom { room } => room_settings::delete(caller, req, room).await,
        Request::RoomMembers { room, after } => room_members::page(caller, room, after).await,
        Request::AddToRoom { room, member } => room_members::add(caller, req, room, member).await,
        Request::RemoveFromRoom { room, member } => room_members::remove(caller, req, room, member).await,
        Request::SetRoomRole { room, member, role } => {
            room_members::set_role(caller, req, room, (member, role)).await
        }
        Request::JoinRoom { room } => rooms::join(caller, req, room).await,
        Request::LeaveRoom { room } => rooms::leave(caller, req, room).await,
        Request::Post(post) => messages::post(caller, req, post).await,
        Request::Edit { room, message, text } => messages::edit(caller, req, (room, message), text).await,
        Request::Delete { room, message } => messages::delete(caller, req, (room, message)).await,
        Request::React { room, message, emoji } => {
            reactions::react(caller, req, (room, message), emoji).await
        }
        Request::Unreact { room, message, emoji } => {
            reactions::unreact(caller, req, (room, message), emoji).await
        }
        Request::Pin { room, message } => pins::pin(caller, req, (room, message)).await,
        Request::Unpin { room, message } => pins::unpin(caller, req, (room, message)).await,
        Request::Pins { room, before } => pins::list(caller, room, before).await,
        Request::Thread { room, message, after, limit } => {
            threads::page(caller, (room, message), after, limit).await
        }
        Request::FollowThread { room, message, follow } => {
            threads::follow(caller, req, (room, message), follow).await
        }
        Request::MarkThread { room, message, seq, back } => {
            threads::mark(caller, req, (room, message), seq, back).await
        }
        Request::Threads { older_than, unread, limit } => {
            threads::mine(caller, older_than, unread, limit).await
        }
        Request::Mark { room, seq, back } => marks::mark(caller, req, room, seq, back).await,
        Request::SetAttention { room, attention } => marks::attend(caller, req, room, attention).await,
        Request::Progress => marks::list(caller).await,
        Request::ReadBy { room, message, after } => marks::read_by(caller, (room, message), after).await,
        Request::SetReceipts { shown } => marks::show_receipts(caller, req, shown).await,
        Request::SetPresence { availability, until } => presence::set(caller, availability, until),
        Request::Seen { members } => presence::seen(caller, members).await,
        Request::Received { cursors } => delivery::received(caller, cursors).await,
        Request::Delivered { room, message } => delivery::delivered(caller, (room, message)).await,
        Request::Resolve { message } => messages::resolve(caller, message).await,
        Request::Typing { room } => presence::typing(caller, room).await,
        Request::Search(search) => search::find(caller, search).await,
        Request::SeqAt { room, at } => history::seq_at(caller, room, at).await,
        Request::Statistics => search::statistics(caller).await,
        Request::Revisions { room, message, after } => {
            messages::revisions(caller, (room, message), after).await
        }
        Request::History { room, before, after, limit } => {
            history::page(caller, room, (after, before), limit).await
        }
        Request::Sync { cursors } => sync::catch_up(caller, cursors).await,
        Request::Members { after } => members::page(caller, req, after).await,
        Request::SetPassword { current, new, end_others } => {
            sessions::set_password(caller, req, current, (new, end_others)).await
        }
        Request::SecondFactor => second_factor::state(caller).await,
        Request::BeginSecondFactor { password } => second_factor::begin(caller, req, password).await,
        Request::ConfirmSecondFactor { code } => second_factor::confirm(caller, req, code).await,
        Request::RenewRecoveryCodes { password, code } => {
            second_factor::renew(caller, req, (password, code)).await
        }
        Request::EndSecondFactor { password, code } => {
            second_factor::end(caller, req, (password, code)).await
        }
        Request::SetProfile { name, status, status_emoji, status_until } => {
            let status = Status { text: status, emoji: status_emoji, until: status_until };
            accounts::set_profile(caller, req, &name, status).await
        }
        Request::SetAvatar { image } => avatars::set(caller, req, image).await,
        Request::RemoveAvatar { member } => avatars::remove(caller, req, member).await,
        Request::Avatar { member } => avatars::of_member(caller, member).await,
        Request::SetRole { member, role } => accounts::set_role(caller, req, member, role).await,
        Request::SetStanding { member, standing } => {
            accounts::set_standing(caller, req, member, standing).await
        }
        Request::DeleteAccount { member, password } => accounts::delete(caller, req, member, password).await,
        Request::SetContact { member, contact } => {
            people::set(caller, req, member, (relations::Kind::Contact, contact)).await
        }
        Request::SetBlock { member, blocked } => {
            people::set(caller, req, member, (relations::Kind::Blocked, blocked)).await
        }
        Request::People => people::mine(caller).await,
        Request::RevokeAll => sessions::revoke_all(caller, req).await,
        Request::RevokeOthers => sessions::revoke_others(caller, req).await,
        Request::Devices => sessions::devices(caller).await,
        Request::RevokeDevice { device } => sessions::revoke(caller, req, device).await,
        Request::Retention { room } => retention::of(caller, room).await,
        Request::SetRetention { room, days } => retention::set(caller, req, room, days).await,
        Request::Hooks { room } => programs::hooks(caller, room).await,
        Request::CreateHook { room, name } => programs::create_hook(caller, req, room, &name).await,
        Request::RevokeHook { room, hook } => programs::revoke_hook(caller, req, room, hook).await,
        Request::Reports { room } => programs::reports(caller, room).await,
        Request::CreateReport { room, url } => programs::create_report(caller, req, room, url).await,
        Request::ResumeReport { room, report } => {
            programs::act_on_report(caller, req, (room, report), ReportAct::Resume).await
        }
        Request::RevokeReport { room, report } => {
            programs::act_on_report(caller, req, (room, report), ReportAct::Revoke).await
        }
        Request::Bots => programs::bots(caller).await,
        Request::CreateBot { name, rooms } => programs::create_bot(caller, req, &name, rooms).await,
        Request::RevokeBot { member } => programs::revoke_bot(caller, req, member).await,
        Request::CreateInvite { role, uses, life_ms, rooms } => {
            invites::create(caller, req, role, (uses, life_ms), rooms).await
        }
        Request::Invites => invites::list(caller).await,
        Request::RevokeInvite { invite } => invites::revoke(caller, req, invite).await,
        Request::SetRegistration { registration } => {
            invites::set_registration(caller, req, registration).await
        }
    }
}

pub(crate) fn out_of_order() -> Refusal {
    Refusal::new(protocol::ErrorCode::OutOfOrder, "this connection has said hello or signed in already")
}
