//! Which requests ask for something that one must have a right to know, and change nothing by asking.
//!
//! They can be asked anew where such a right has ended meanwhile. A request that is missing here does not compile.

use protocol::Request;

/// Whether `request` is answered from one moment of the store.
pub(super) fn is_question(request: &Request) -> bool {
    match request {
        Request::Rooms
        | Request::Directory { .. }
        | Request::RoomMembers { .. }
        | Request::History { .. }
        | Request::Sync { .. }
        | Request::SeqAt { .. }
        | Request::Search(_)
        | Request::Pins { .. }
        | Request::Thread { .. }
        | Request::Threads { .. }
        | Request::Revisions { .. }
        | Request::Resolve { .. }
        | Request::ReadBy { .. }
        | Request::Delivered { .. }
        | Request::Progress
        | Request::Seen { .. }
        | Request::Avatar { .. }
        | Request::RoomAvatar { .. }
        | Request::Members { .. }
        | Request::People
        | Request::Devices
        | Request::SecondFactor
        | Request::Statistics
        | Request::Retention { .. }
        | Request::Hooks { .. }
        | Request::Reports { .. }
        | Request::Bots
        | Request::Invites => true,
        Request::Hello { .. }
        | Request::SignIn { .. }
        | Request::SignOut
        | Request::Ping
        | Request::CreateRoom { .. }
        | Request::OpenDirect { .. }
        | Request::RenameRoom { .. }
        | Request::SetTopic { .. }
        | Request::SetReading { .. }
        | Request::SetRoomAvatar { .. }
        | Request::ArchiveRoom { .. }
        | Request::RestoreRoom { .. }
        | Request::DeleteRoom { .. }
        | Request::AddToRoom { .. }
        | Request::RemoveFromRoom { .. }
        | Request::SetRoomRole { .. }
        | Request::JoinRoom { .. }
        | Request::LeaveRoom { .. }
        | Request::Post(_)
        | Request::Edit { .. }
        | Request::Delete { .. }
        | Request::React { .. }
        | Request::Unreact { .. }
        | Request::Pin { .. }
        | Request::Unpin { .. }
        | Request::FollowThread { .. }
        | Request::MarkThread { .. }
        | Request::Mark { .. }
        | Request::SetAttention { .. }
        | Request::SetReceipts { .. }
        | Request::SetPresence { .. }
        | Request::Received { .. }
        | Request::Typing { .. }
        | Request::SetPassword { .. }
        | Request::BeginSecondFactor { .. }
        | Request::ConfirmSecondFactor { .. }
        | Request::RenewRecoveryCodes { .. }
        | Request::EndSecondFactor { .. }
        | Request::SetProfile { .. }
        | Request::SetAvatar { .. }
        | Request::RemoveAvatar { .. }
        | Request::SetRole { .. }
        | Request::SetStanding { .. }
        | Request::DeleteAccount { .. }
        | Request::SetContact { .. }
        | Request::SetBlock { .. }
        | Request::RevokeAll
        | Request::RevokeOthers
        | Request::RevokeDevice { .. }
        | Request::SetRetention { .. }
        | Request::CreateHook { .. }
        | Request::RevokeHook { .. }
        | Request::CreateReport { .. }
        | Request::ResumeReport { .. }
        | Request::RevokeReport { .. }
        | Request::CreateBot { .. }
        | Request::RevokeBot { .. }
        | Request::CreateInvite { .. }
        | Request::RevokeInvite { .. }
        | Request::SetRegistration { .. } => false,
    }
}
