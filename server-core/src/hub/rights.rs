//! Whether a right of a member has ended while a question of theirs was answered.
//!
//! A question is answered from one moment of the store, and the answer takes another to reach the socket. Had the right
//! to it ended in between, it would come after the word that said so. So whoever answers looks at a count before the
//! question and again at the answer, and asks anew where it has moved. It keeps nothing per member: members share a fixed
//! number of counts, and those on the same one cost each other a second look, never a wrong answer.

use std::sync::{Mutex, MutexGuard};

use protocol::MemberId;

/// As many as there are last bytes of an id: few members share one, and all of them together take a page of memory.
const COUNTS: usize = 256;

/// How often rights have ended, by members.
#[derive(Debug)]
pub(crate) struct Rights([Mutex<u64>; COUNTS]);

/// How often rights of a member had ended at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends(u64);

impl Default for Rights {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Rights {
    /// To be asked before the store is.
    pub(crate) fn ends(&self, member: MemberId) -> Ends {
        Ends(*self.count(member))
    }

    /// A right of `member` has ended, and that is committed. To be said before anybody is told of it.
    pub(crate) fn end(&self, member: MemberId) {
        *self.count(member) += 1;
    }

    /// [`Rights::end`] for everybody: rights that hang on a room are not looked for one by one.
    pub(crate) fn end_for_all(&self) {
        self.0.iter().for_each(|count| *locked(count) += 1);
    }

    /// Runs `tell` unless a right of `member` has ended since. None can end while it runs, so it must be short.
    pub(crate) fn unless_ended<T>(
        &self,
        member: MemberId,
        since: Ends,
        tell: impl FnOnce() -> T,
    ) -> Option<T> {
        let count = self.count(member);
        (Ends(*count) == since).then(tell)
    }

    fn count(&self, member: MemberId) -> MutexGuard<'_, u64> {
        locked(&self.0[usize::from(member.0.as_bytes()[15])])
    }
}

fn locked(count: &Mutex<u64>) -> MutexGuard<'_, u64> {
    count.lock().expect("nothing panics while it holds a count")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_read_before_a_right_ended_is_not_told() {
        let rights = Rights::default();
        let [alice, bob] = [1, 2].map(|number| MemberId(Uuid::from_u128(number)));
        let (hers, his) = (rights.ends(alice), rights.ends(bob));
        rights.end(bob);
        assert_eq!(rights.unless_ended(alice, hers, || "told"), Some("told"));
        assert_eq!(rights.unless_ended(bob, his, || "told"), None);
        let his = rights.ends(bob);
        assert_eq!(rights.unless_ended(bob, his, || "told"), Some("told"));
        rights.end_for_all();
        assert_eq!(rights.unless_ended(alice, hers, || "told"), None);
        assert_eq!(rights.unless_ended(bob, his, || "told"), None);
    }
}
