//! What each may ask of the host in a while: a connection, a member over all devices, an address over all connections.
//!
//! Whoever asks too much is told when to go on, and that time is true; whoever does not listen to that is sent away
//! for a while. Rates are looked up at every turn, so a reload counts from the next request on. The parts are pure;
//! this keeps them under their locks. Nothing here knows a socket.

mod bucket;
mod exile;
mod faults;
mod keyed;
mod places;
mod source;

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use protocol::{MemberId, Request};

pub(crate) use exile::Exiled;
pub(crate) use faults::Faults;
pub(crate) use places::Place;
pub(crate) use source::Source;

use crate::config::Limits;
use bucket::{Bucket, Rate};
use exile::Exile;
use keyed::Keyed;
use places::Places;

/// Refusals one connection may hear: so many in a row, and one more each time. Clients that wait hear far fewer.
const PATIENCE: (u32, Duration) = (200, Duration::from_millis(500));

/// One attempt comes back after this long.
const REFILL: Duration = Duration::from_secs(6);

/// One try at a code comes back after this long: of a million codes three are right at a time, so even those who know
/// the password need months.
const CODE_REFILL: Duration = Duration::from_secs(60);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Frames,
    Bytes,
    /// What is said before signing in.
    StrangersFrames,
    StrangersBytes,
    /// Passwords, invites and tokens that are tried.
    Attempts,
    /// Accounts that are made.
    Joins,
    Searches,
    /// Pages of history, threads and what was missed, and pictures that are shown.
    Pages,
    /// Rooms that are made.
    Rooms,
    Reactions,
    Invites,
    /// Passwords that are hashed for somebody signed in.
    Passwords,
    /// Pictures that are sent, or taken away.
    Pictures,
    /// Codes beside a password that are tried.
    Codes,
    /// What a hook or a bot says.
    Programs,
}

impl Kind {
    /// What a request costs besides a frame.
    fn of(request: &Request) -> Option<Self> {
        Some(match request {
            Request::Search(_) => Self::Searches,
            Request::History { .. }
            | Request::Thread { .. }
            | Request::Threads { .. }
            | Request::Seen { .. }
            | Request::Delivered { .. }
            | Request::Pins { .. }
            | Request::Revisions { .. }
            | Request::ReadBy { .. }
            | Request::SeqAt { .. }
            | Request::Statistics
            | Request::Avatar { .. }
            | Request::RoomAvatar { .. }
            | Request::Sync { .. } => Self::Pages,
            Request::CreateRoom { .. } | Request::OpenDirect { .. } => Self::Rooms,
            Request::React { .. } | Request::Unreact { .. } => Self::Reactions,
            Request::CreateInvite { .. }
            | Request::CreateHook { .. }
            | Request::CreateReport { .. }
            | Request::CreateBot { .. } => Self::Invites,
            Request::SetAvatar { .. } | Request::SetRoomAvatar { .. } | Request::RemoveAvatar { .. } => {
                Self::Pictures
            }
            Request::SetPassword { .. }
            | Request::DeleteAccount { .. }
            | Request::BeginSecondFactor { .. }
            | Request::RenewRecoveryCodes { .. }
            | Request::EndSecondFactor { .. } => Self::Passwords,
            _ => return None,
        })
    }

    /// How fast one member or one address may spend it.
    fn rate(self, limits: &Limits, by_address: bool) -> Rate {
        match (self, by_address) {
            (Self::Frames, false) => Rate::per_second(limits.member_frames_per_second),
            (Self::Frames, true) => Rate::per_second(limits.address_frames_per_second),
            (Self::Bytes, false) => Rate::per_second(limits.member_bytes_per_second),
            (Self::Bytes, true) => Rate::per_second(limits.address_bytes_per_second),
            (Self::StrangersFrames, _) => Rate::per_second(limits.stranger_frames_per_second),
            (Self::StrangersBytes, _) => Rate::per_second(limits.stranger_bytes_per_second),
            (Self::Attempts, true) => Rate::in_a_row(limits.attempts_per_address, REFILL),
            (Self::Attempts, false) => Rate::in_a_row(limits.attempts_per_account, REFILL),
            (Self::Joins, _) => Rate::per_hour(limits.joins_per_hour),
            (Self::Searches, _) => Rate::per_minute(limits.searches_per_minute),
            (Self::Pages, _) => Rate::per_minute(limits.pages_per_minute),
            (Self::Rooms, _) => Rate::per_hour(limits.rooms_per_hour),
            (Self::Reactions, _) => Rate::per_minute(limits.reactions_per_minute),
            (Self::Invites, _) => Rate::per_hour(limits.invites_per_hour),
            (Self::Passwords, _) => Rate::per_minute(limits.passwords_per_minute),
            (Self::Pictures, _) => Rate::per_hour(limits.pictures_per_hour),
            (Self::Codes, _) => Rate::in_a_row(limits.attempts_per_account, CODE_REFILL),
            (Self::Programs, _) => Rate::per_minute(limits.program_requests_per_minute),
        }
    }
}

/// What one connection has left.
#[derive(Debug)]
pub(crate) struct Budget {
    frames: Bucket,
    bytes: Bucket,
    /// Frames that ask nothing: pings, and parts of messages.
    quiet: Bucket,
    patience: Bucket,
}

impl Budget {
    pub(crate) const fn new(now: Instant) -> Self {
        let full = Bucket::full(now);
        Self { frames: full, bytes: full, quiet: full, patience: full }
    }

    /// Takes `frames` that ask nothing. Says whether there was enough left for them: they have no answer that could
    /// say when to go on.
    pub(crate) fn listen(&mut self, limits: &Limits, frames: u32, now: Instant) -> bool {
        self.quiet.spend(Rate::per_second(limits.frames_per_second), frames, now).is_ok()
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payer {
    pub(crate) source: Source,
    /// Once signed in.
    pub(crate) member: Option<MemberId>,
}

/// The account whose password is tried, by its folded name. Where one of its devices comes from the same place, that
/// place has attempts of its own: strangers who use up all there are keep nobody from their own account at home.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tried {
    pub(crate) account: String,
    pub(crate) at_home: Option<Source>,
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdrawn {
    /// Take it again after this time.
    Wait(Duration),
    /// This was said often enough.
    Abusive,
}

/// What one address holds of the host's sockets, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) connection: Option<Place<Source>>,
    /// Given back at the sign-in.
    pub(crate) stranger: Option<Place<Source>>,
}

/// What everyone has left, shared by all connections of a host.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    by_source: Mutex<Keyed<(Source, Kind)>>,
    by_member: Mutex<Keyed<(MemberId, Kind)>>,
    by_account: Mutex<Keyed<Tried>>,
    exile: Mutex<Exile>,
    /// Connections per address.
    connections: Places<Source>,
    /// Those of them that are not signed in.
    strangers: Places<Source>,
}

impl Budgets {
    /// Takes what a request of `bytes` costs: from the connection, the member and the address, or from none of them.
    ///
    /// # Errors
    /// When one of them has not enough left.
    pub(crate) fn spend(
        &self,
        limits: &Limits,
        (budget, payer): (&mut Budget, Payer),
        (request, bytes): (&Request, usize),
        now: Instant,
    ) -> Result<(), Overdrawn> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let own = [
            (&mut budget.frames, Rate::per_second(limits.frames_per_second), 1),
            (&mut budget.bytes, Rate::per_second(limits.bytes_per_second), bytes),
        ];
        let mut wait = own
            .iter()
            .map(|(bucket, rate, count)| bucket.lacks(*rate, *count, now))
            .max()
            .unwrap_or_default();
        let mut sources = lock(&self.by_source);
        let mut members = lock(&self.by_member);
        let (by_source, by_member) = costs(payer.member.is_some(), request, bytes);
        for (kind, count) in by_source {
            wait = wait.max(sources.lacks(&(payer.source, kind), kind.rate(limits, true), count, now));
        }
        for (member, (kind, count)) in
            payer.member.into_iter().flat_map(|who| by_member.map(|cost| (who, cost)))
        {
            wait = wait.max(members.lacks(&(member, kind), kind.rate(limits, false), count, now));
        }
        if wait > Duration::ZERO {
            let heard = budget.patience.spend(Rate::in_a_row(PATIENCE.0, PATIENCE.1), 1, now);
            return Err(if heard.is_ok() { Overdrawn::Wait(wait) } else { Overdrawn::Abusive });
        }
        own.into_iter().for_each(|(bucket, rate, count)| bucket.take(rate, count, now));
        for (kind, count) in by_source {
            sources.take((payer.source, kind), kind.rate(limits, true), count, now);
        }
        for (member, (kind, count)) in
            payer.member.into_iter().flat_map(|who| by_member.map(|cost| (who, cost)))
        {
            if count > 0 {
                members.take((member, kind), kind.rate(limits, false), count, now);
            }
        }
        Ok(())
    }

    /// One more socket of an address, if it may have one.
    pub(crate) fn hold(&self, limits: &Limits, source: Source) -> Option<Held> {
        let connection = self.connections.take(source, limits.connections_per_address)?;
        let stranger = self.strangers.take(source, limits.strangers_per_address)?;
        Some(Held { connection: Some(connection), stranger: Some(stranger) })
    }

    /// Takes one of `kind` from an address.
    ///
    /// # Errors
    /// How long to wait when there is none left.
    pub(crate) fn take_from(
        &self,
        limits: &Limits,
        source: Source,
        kind: Kind,
        now: Instant,
    ) -> Result<(), Duration> {
        lock(&self.by_source).spend((source, kind), kind.rate(limits, true), now)
    }

    /// Gives one back: it was a good one.
    pub(crate) fn give_back(&self, limits: &Limits, source: Source, kind: Kind, now: Instant) {
        lock(&self.by_source).give_back(&(source, kind), kind.rate(limits, true), now);
    }

    /// Takes one of `kind` from a member.
    ///
    /// # Errors
    /// How long to wait when there is none left.
    pub(crate) fn take_of(
        &self,
        limits: &Limits,
        member: MemberId,
        kind: Kind,
        now: Instant,
    ) -> Result<(), Duration> {
        lock(&self.by_member).spend((member, kind), kind.rate(limits, false), now)
    }

    /// Gives one back: it was a good one.
    pub(crate) fn give_back_to(&self, limits: &Limits, member: MemberId, kind: Kind, now: Instant) {
        lock(&self.by_member).give_back(&(member, kind), kind.rate(limits, false), now);
    }

    /// Takes one attempt at an account.
    ///
    /// # Errors
    /// How long to wait when there is none left.
    pub(crate) fn attempt_at(&self, limits: &Limits, tried: &Tried, now: Instant) -> Result<(), Duration> {
        lock(&self.by_account).spend(tried.clone(), Kind::Attempts.rate(limits, false), now)
    }

    /// The attempt at an account was good.
    pub(crate) fn attempt_at_was_good(&self, limits: &Limits, tried: &Tried, now: Instant) {
        lock(&self.by_account).give_back(tried, Kind::Attempts.rate(limits, false), now);
    }

    /// Whether an address has made attempts lately that were not good.
    pub(crate) fn has_failed(&self, source: Source, now: Instant) -> bool {
        !lock(&self.by_source).is_full(&(source, Kind::Attempts), now)
    }

    /// Sends somebody away for the time the operator has set.
    pub(crate) fn send_away(&self, limits: &Limits, who: Exiled, now: Instant) {
        let until = now + Duration::from_secs(limits.exile_seconds.into());
        lock(&self.exile).send(who, until, now);
    }

    /// Whether `who` may come.
    ///
    /// # Errors
    /// How long they still stay away.
    pub(crate) fn may_come(&self, who: Exiled, now: Instant) -> Result<(), Duration> {
        match lock(&self.exile).lasts(who, now) {
            Duration::ZERO => Ok(()),
            lasts => Err(lasts),
        }
    }
}

type Cost = (Kind, u32);

/// What a request costs its address, and its member if there is one.
fn costs(signed_in: bool, request: &Request, bytes: u32) -> ([Cost; 2], [Cost; 3]) {
    let by_source = match signed_in {
        true => [(Kind::Frames, 1), (Kind::Bytes, bytes)],
        false => [(Kind::StrangersFrames, 1), (Kind::StrangersBytes, bytes)],
    };
    let special = Kind::of(request).map_or((Kind::Searches, 0), |kind| (kind, 1));
    (by_source, [(Kind::Frames, 1), (Kind::Bytes, bytes), special])
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("nothing panics while it holds the buckets")
}

#[cfg(test)]
mod tests;
