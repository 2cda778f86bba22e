//! Why a host ends a connection. The range alone tells every client, old or new, what to do.

/// A WebSocket close code (RFC 6455, 7.4.2: 4000–4999 are private).
///
/// 4000–4099: come back. 4100–4199: come back and resync. 4200–4299: stay away until a person acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The host is stopping or restarting.
    ComeBack = 4000,
    /// No sign of life within the lease.
    LeaseOver = 4001,
    /// Not signed in within the deadline.
    SignInDeadline = 4002,
    /// The connection's queue was full: what was dropped is fetched by the next sync.
    Resync = 4100,
    /// What the member may do here has changed: the same session signs in again and hears how it stands.
    SignInAgain = 4101,
    /// The session was ended by its member or an administrator.
    SessionEnded = 4200,
    /// Frames that no client of this protocol sends.
    Abuse = 4201,
    /// No common version.
    Version = 4202,
}

/// What a client does after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterClose {
    /// Reconnect after a back-off.
    ComeBack,
    /// Reconnect soon; the sync brings what is missing.
    Resync,
    /// Do not reconnect by itself.
    StayAway,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The reason on the wire, in English, at most 123 bytes.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ComeBack => "the host is restarting, come back",
            Self::LeaseOver => "no sign of life, come back",
            Self::SignInDeadline => "not signed in in time, come back",
            Self::Resync => "too far behind, come back and resync",
            Self::SignInAgain => "what you may do has changed, sign in again",
            Self::SessionEnded => "the session was ended",
            Self::Abuse => "frames this protocol does not have, stay away",
            Self::Version => "no common protocol version",
        }
    }
}

/// What to do after a close with `code`, also for codes of the future and those of RFC 6455 itself.
#[must_use]
pub const fn after_close(code: u16) -> AfterClose {
    match code {
        4100..=4199 => AfterClose::Resync,
        4200..=4299 => AfterClose::StayAway,
        _ => AfterClose::ComeBack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_lies_in_the_range_of_what_to_do() {
        assert_eq!(after_close(CloseCode::ComeBack.code()), AfterClose::ComeBack);
        assert_eq!(after_close(CloseCode::Resync.code()), AfterClose::Resync);
        assert_eq!(after_close(CloseCode::SignInAgain.code()), AfterClose::Resync);
        assert_eq!(after_close(CloseCode::SessionEnded.code()), AfterClose::StayAway);
        assert_eq!(after_close(1006), AfterClose::ComeBack);
        assert_eq!(after_close(4250), AfterClose::StayAway);
    }
}
