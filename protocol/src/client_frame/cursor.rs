//! How far a client is, room by room.
//!
//! Refuses to know of time: numbers alone say what is missing, and no clock has to be right.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{RoomId, Seq};

/// How far a client is in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Cursor {
    /// Where.
    pub room: RoomId,
    /// The newest number held; 0 for none.
    pub after: Seq,
}
