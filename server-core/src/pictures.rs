//! Pictures that people send: what becomes of them is decided by their content alone, off the async threads, a few at a
//! time. What is kept is made anew of the pixels; nothing that came is.

mod square;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::limits::{AVATAR_BYTES, AVATAR_SIDE};
use protocol::{AvatarId, MemberId, Picture};

use crate::config::Limits;
use crate::error::Refusal;
use crate::identity::sha256;
use crate::offload::{Asker, Bounds, Offload};
use square::{Unfit, square};

/// What a picture is thought to take before any was looked at.
const AT_FIRST: Duration = Duration::from_millis(50);

/// Pictures of one member that may wait: as many as one person has reason to send at once.
const WAITING_EACH: usize = 4;

/// A picture as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Avatar {
    pub(crate) id: AvatarId,
    /// A PNG or a JPEG.
    pub(crate) image: Vec<u8>,
}

impl std::fmt::Debug for Avatar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Avatar({}, {} bytes)", self.id, self.image.len())
    }
}

impl Avatar {
    /// As the wire has it.
    pub(crate) fn shown(&self) -> (&'static str, Picture) {
        (square::media_type(&self.image), Picture(URL_SAFE_NO_PAD.encode(&self.image)))
    }
}

/// Looks at pictures in turn.
#[derive(Debug, Clone)]
pub(crate) struct Pictures(Offload);

impl Default for Pictures {
    fn default() -> Self {
        Self(Offload::new(AT_FIRST))
    }
}

impl Pictures {
    /// Makes of what `member` has sent what may be kept.
    ///
    /// # Errors
    /// If it is no picture that is taken here, too many wait already, or the host is stopping.
    pub(crate) async fn make(
        &self,
        limits: &Limits,
        member: MemberId,
        sent: Picture,
    ) -> Result<Avatar, Refusal> {
        if sent.0.len() > AVATAR_BYTES.div_ceil(3) * 4 {
            return Err(refusal(format!(
                "is too large: at most {AVATAR_BYTES} bytes; make it smaller first"
            )));
        }
        let bounds = Bounds {
            at_once: limits.pictures_at_once,
            waiting: limits.pictures_waiting,
            waiting_each: WAITING_EACH,
        };
        self.0.run(bounds, Asker::Member(member), move || make_now(&sent)).await?
    }
}

fn make_now(sent: &Picture) -> Result<Avatar, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(&sent.0).ok().filter(|bytes| bytes.len() <= AVATAR_BYTES);
    let bytes = bytes.ok_or_else(|| refusal("is not base64url without padding"))?;
    // A decoder that panics has met what is no picture.
    let made = catch_unwind(AssertUnwindSafe(|| square(&bytes))).unwrap_or(Err(Unfit::Damaged));
    let image = made.map_err(|unfit| match unfit {
        Unfit::Kind => refusal("is not a PNG, JPEG, GIF or WebP; choose another picture"),
        Unfit::Large => refusal(format!("is larger than {AVATAR_SIDE} pixels a side; make it smaller first")),
        Unfit::Damaged => refusal("can't be read; it may be damaged, choose another picture"),
    })?;
    Ok(Avatar { id: AvatarId::from_digest(sha256(&image)), image })
}

fn refusal(problem: impl std::fmt::Display) -> Refusal {
    Refusal::field("image", problem)
}
