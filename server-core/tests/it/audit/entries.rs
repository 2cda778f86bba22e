//! What each request and each command leaves in the audit log.

use protocol::{Reading, Request, RoomRole, SignIn, Standing};
use server_core::admin::Command;

/// The entry a request leaves where it does something; none for what one reads or does for oneself. A request that is
/// missing here does not compile.
pub(super) fn entry_of(request: &Request) -> Option<&'static str> {
    Some(match request {
        Request::CreateRoom { .. } => "room made",
        Request::RenameRoom { .. } => "room renamed",
        Request::SetTopic { .. } => "room topic set",
        Request::SetRoomAvatar { image: Some(_), .. } => "room picture set",
        Request::SetRoomAvatar { .. } => "room picture removed",
        Request::RemoveAvatar { .. } => "picture removed",
        Request::SetReading { reading: Reading::Join, .. } => "room shown from the joining on",
        Request::SetReading { .. } => "room shown from the start",
        Request::ArchiveRoom { .. } => "room archived",
        Request::RestoreRoom { .. } => "room restored",
        Request::DeleteRoom { .. } => "room deleted",
        Request::AddToRoom { .. } => "brought into a room",
        Request::RemoveFromRoom { .. } => "taken out of a room",
        Request::SetRoomRole { role: RoomRole::Admin, .. } => "made admin of a room",
        Request::SetRoomRole { .. } => "made member of a room",
        // One's own is one's own; that of another is spoken of below.
        Request::Delete { .. } => return None,
        Request::SetRetention { .. } => "retention set",
        Request::CreateHook { .. } => "hook made",
        Request::RevokeHook { .. } => "hook revoked",
        Request::CreateReport { .. } => "report made",
        Request::ResumeReport { .. } => "report resumed",
        Request::RevokeReport { .. } => "report revoked",
        Request::CreateBot { .. } => "bot made",
        Request::RevokeBot { .. } => "bot revoked",
        Request::CreateInvite { .. } => "invite made",
        Request::RevokeInvite { .. } => "invite revoked",
        Request::SetRegistration { .. } => "registration set",
        Request::SetRole { .. } => "role set",
        Request::SetStanding { standing: Standing::Active, .. } => "account let in again",
        Request::SetStanding { standing: Standing::Deactivated, .. } => "account deactivated",
        Request::SetStanding { .. } => "account banned",
        Request::DeleteAccount { .. } => "account deleted",
        Request::SetPassword { .. } => "password set",
        Request::ConfirmSecondFactor { .. } => "second factor begun",
        Request::EndSecondFactor { .. } => "second factor ended",
        Request::SignIn { by: SignIn::Invite { .. } | SignIn::Register { .. }, .. } => "account made",
        Request::Hello { .. }
        | Request::SignIn { .. }
        | Request::SignOut
        | Request::Ping
        | Request::Rooms
        | Request::Directory { .. }
        | Request::OpenDirect { .. }
        | Request::RoomMembers { .. }
        | Request::JoinRoom { .. }
        | Request::LeaveRoom { .. }
        | Request::Post(_)
        | Request::Edit { .. }
        | Request::React { .. }
        | Request::Unreact { .. }
        | Request::Pin { .. }
        | Request::Unpin { .. }
        | Request::Pins { .. }
        | Request::Thread { .. }
        | Request::FollowThread { .. }
        | Request::MarkThread { .. }
        | Request::Threads { .. }
        | Request::Mark { .. }
        | Request::SetAttention { .. }
        | Request::Progress
        | Request::ReadBy { .. }
        | Request::SetReceipts { .. }
        | Request::SetPresence { .. }
        | Request::Seen { .. }
        | Request::Received { .. }
        | Request::Delivered { .. }
        | Request::Resolve { .. }
        | Request::Typing { .. }
        | Request::Search(_)
        | Request::SeqAt { .. }
        | Request::Statistics
        | Request::Revisions { .. }
        | Request::History { .. }
        | Request::Sync { .. }
        | Request::Members { .. }
        | Request::SecondFactor
        | Request::BeginSecondFactor { .. }
        | Request::RenewRecoveryCodes { .. }
        | Request::SetProfile { .. }
        | Request::SetAvatar { .. }
        | Request::Avatar { .. }
        | Request::RoomAvatar { .. }
        | Request::SetContact { .. }
        | Request::SetBlock { .. }
        | Request::People
        | Request::RevokeAll
        | Request::RevokeOthers
        | Request::Devices
        | Request::RevokeDevice { .. }
        | Request::Retention { .. }
        | Request::Hooks { .. }
        | Request::Reports { .. }
        | Request::Bots
        | Request::Invites => return None,
    })
}

/// The same for what the operator asks.
pub(super) fn entry_of_command(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::AddUser { .. } => "account made",
        Command::ResetPassword { .. } => "password reset",
        Command::EndSecondFactor { .. } => "second factor ended",
        Command::RemoveAvatar { .. } => "picture removed",
        Command::RemoveRoomAvatar { .. } => "picture of a room removed",
        Command::RecoverOwner => "owner link made",
        Command::SetRole { .. } => "role set",
        Command::SetStanding { standing: Standing::Active, .. } => "account let in again",
        Command::SetStanding { standing: Standing::Deactivated, .. } => "account deactivated",
        Command::SetStanding { .. } => "account banned",
        Command::RevokeSession { .. } => "sessions ended",
        Command::SetRetention { .. } => "retention set",
        Command::CreateInvite { .. } => "invite made",
        Command::RevokeInvite { .. } => "invite revoked",
        Command::CreateHook { .. } => "hook made",
        Command::RevokeHook { .. } => "hook revoked",
        Command::CreateReport { .. } => "report made",
        Command::RevokeReport { .. } => "report revoked",
        Command::ResumeReport { .. } => "report resumed",
        Command::CreateBot { .. } => "bot made",
        Command::RevokeBot { .. } => "bot revoked",
        Command::RenewCertificate => "certificate asked for",
        Command::Backup { .. } => "backup made",
        Command::Forward { .. } => "host moved",
        Command::ComeHome => "host came home",
        Command::Export => "export made",
        Command::Users
        | Command::Sessions { .. }
        | Command::Rooms
        | Command::Invites
        | Command::Hooks
        | Command::Reports
        | Command::Bots
        | Command::Certificate
        | Command::Stats
        | Command::Audit { .. }
        | Command::Check
        | Command::Damage => return None,
    })
}
