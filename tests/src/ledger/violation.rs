//! The rules of the ledger, as what breaks them.

use std::fmt;

use protocol::{MemberId, MessageId, RoomId, Seq};

/// One broken rule, with where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Acknowledged, and not there.
    Lost {
        /// Which.
        message: MessageId,
        /// Who could not find it.
        reader: MemberId,
        /// Where it should be.
        seq: Seq,
    },
    /// There more than once.
    Doubled {
        /// Which.
        message: MessageId,
        /// Who found it so.
        reader: MemberId,
    },
    /// There with another body, or in another room.
    Changed {
        /// Which.
        message: MessageId,
        /// Who found it so.
        reader: MemberId,
    },
    /// There under another number than the acknowledged one.
    Moved {
        /// Which.
        message: MessageId,
        /// Who found it so.
        reader: MemberId,
        /// The number its sender was told.
        acknowledged: Seq,
        /// The number it has.
        at: Seq,
    },
    /// There under another sender's name.
    Misattributed {
        /// Which.
        message: MessageId,
        /// Who found it so.
        reader: MemberId,
    },
    /// There, or acknowledged, and never sent.
    Invented {
        /// Which.
        message: MessageId,
    },
    /// Acknowledged under two numbers.
    AcknowledgedTwoWays {
        /// Which.
        message: MessageId,
    },
    /// Behind a message that its sender sent later.
    Reordered {
        /// Which.
        message: MessageId,
        /// Who found it so.
        reader: MemberId,
    },
    /// The numbers of a log are not 1, 2, 3.
    Gap {
        /// Whose log.
        room: RoomId,
        /// Who found it so.
        reader: MemberId,
        /// The number that should come.
        expected: Seq,
        /// The number that came.
        found: Seq,
    },
    /// Two members read different logs.
    Disagreement {
        /// Whose log.
        room: RoomId,
        /// The one reader.
        one: MemberId,
        /// The other reader.
        other: MemberId,
    },
    /// Told as it happened, and not in the log.
    HeardThenGone {
        /// Who was told.
        member: MemberId,
        /// Whose log.
        room: RoomId,
        /// Its number.
        seq: Seq,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
