//! Whose turn it is: a few at work, the others in line, one line per asker, and the lines in turn. Pure: what stands
//! for whoever waits is `W`.
//!
//! So somebody who asks a hundred times waits behind themselves, and others wait for one of the hundred at most.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many may be at work, and how many may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) at_once: usize,
    pub(crate) waiting: usize,
    /// Of them, by one asker.
    pub(crate) waiting_each: usize,
}

/// What comes of asking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Go on at once.
    Go,
    /// It has been put in line.
    Wait,
    /// There is no place in line: so many wait already.
    Full(usize),
}

/// Who is at work and who waits.
#[derive(Debug)]
pub(crate) struct Turns<K, W> {
    working: usize,
    waiting: usize,
    lines: HashMap<K, VecDeque<W>>,
    /// Those with a line, in the order in which they are served.
    order: VecDeque<K>,
}

impl<K, W> Default for Turns<K, W> {
    fn default() -> Self {
        Self { working: 0, waiting: 0, lines: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Eq + Hash + Copy, W> Turns<K, W> {
    /// Asks for a turn; `waiter` is made only if it has to wait.
    pub(crate) fn ask(&mut self, key: K, bounds: Bounds, waiter: impl FnOnce() -> W) -> Asked {
        if self.working < bounds.at_once.max(1) && self.waiting == 0 {
            self.working += 1;
            return Asked::Go;
        }
        let own = self.lines.get(&key).map_or(0, VecDeque::len);
        if self.waiting >= bounds.waiting || own >= bounds.waiting_each {
            return Asked::Full(self.waiting);
        }
        if own == 0 {
            self.order.push_back(key);
        }
        self.lines.entry(key).or_default().push_back(waiter());
        self.waiting += 1;
        Asked::Wait
    }

    /// One has finished: who goes on in its place, if anybody waits.
    pub(crate) fn finish(&mut self) -> Option<W> {
        let Some(key) = self.order.pop_front() else {
            self.working -= 1;
            return None;
        };
        let line = self.lines.get_mut(&key).expect("whoever is in the order has a line");
        let next = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&key);
        } else {
            self.order.push_back(key);
        }
        self.waiting -= 1;
        next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { at_once: 2, waiting: 100, waiting_each: 50 };

    #[test]
    fn whoever_asks_often_waits_behind_themselves() {
        let mut turns = Turns::default();
        assert_eq!(turns.ask('m', BOUNDS, || 0), Asked::Go);
        assert_eq!(turns.ask('m', BOUNDS, || 0), Asked::Go);
        for number in 0..50 {
            assert_eq!(turns.ask('m', BOUNDS, || number), Asked::Wait);
        }
        assert_eq!(turns.ask('m', BOUNDS, || 50), Asked::Full(50));
        assert_eq!(turns.ask('a', BOUNDS, || 1000), Asked::Wait);
        assert_eq!(turns.ask('b', BOUNDS, || 1001), Asked::Wait);
        let served = std::iter::from_fn(|| turns.finish()).take(4).collect::<Vec<_>>();
        assert_eq!(served, [0, 1000, 1001, 1]);
    }

    proptest! {
        #[test]
        fn nobody_is_forgotten_and_no_bound_is_broken(steps in prop::collection::vec(prop::option::of(0u8..5), 0..300)) {
            let bounds = Bounds { at_once: 2, waiting: 12, waiting_each: 4 };
            let mut turns = Turns::default();
            let (mut working, mut waiting) = (0usize, 0usize);
            for step in steps {
                match step {
                    Some(key) => match turns.ask(key, bounds, || key) {
                        Asked::Go => working += 1,
                        Asked::Wait => waiting += 1,
                        Asked::Full(_) => prop_assert!(waiting >= 4),
                    },
                    None if working > 0 => match turns.finish() {
                        Some(_) => waiting -= 1,
                        None => working -= 1,
                    },
                    None => {}
                }
                prop_assert!(working <= 2 && waiting <= 12);
                prop_assert!(waiting == 0 || working == 2, "nobody waits while there is a place");
                prop_assert_eq!(turns.lines.values().map(VecDeque::len).sum::<usize>(), waiting);
                prop_assert!(turns.lines.values().all(|line| (1..=4).contains(&line.len())));
            }
            for _ in 0..working + waiting {
                turns.finish();
            }
            prop_assert!(turns.lines.is_empty() && turns.working == 0);
        }
    }
}
