//! Which stretches of a room's log are held, and what must be asked for: pure, no clock, no disk.

use protocol::Seq;

/// The highest number taken from a host: what JSON and SQLite both hold exactly. A log gets there in 285 000 years
/// of one event a millisecond; only a hostile host says more.
pub(crate) const HIGHEST: Seq = Seq((1 << 53) - 1);

/// Numbers `first..=last`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
}

impl Span {
    pub(crate) const fn len(self) -> u64 {
        self.last.0 - self.first.0 + 1
    }
}

/// What is held of one room's log: spans that are ascending, disjoint and never touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    spans: Vec<Span>,
}

impl Coverage {
    pub(crate) fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut coverage = Self::default();
        spans.into_iter().for_each(|span| coverage.add(span));
        coverage
    }

    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Takes in one more stretch, joining what overlaps or touches it.
    pub(crate) fn add(&mut self, span: Span) {
        if span.first.0 == 0 || span.last < span.first || span.last > HIGHEST {
            return;
        }
        let from = self.spans.partition_point(|held| held.last.next() < span.first);
        let to = self.spans.partition_point(|held| held.first <= span.last.next());
        let joined = self.spans[from..to].iter().fold(span, |joined, held| Span {
            first: joined.first.min(held.first),
            last: joined.last.max(held.last),
        });
        self.spans.splice(from..to, [joined]);
    }

    /// The newest number held: the cursor of the next sync.
    pub(crate) fn newest(&self) -> Seq {
        self.spans.last().map_or(Seq::ZERO, |span| span.last)
    }

    /// The newest stretch that begins at `seq` or below.
    pub(crate) fn below(&self, seq: Seq) -> Option<Span> {
        self.spans.iter().rev().copied().find(|span| span.first <= seq)
    }

    /// The stretch that holds `seq`.
    pub(crate) fn around(&self, seq: Seq) -> Option<Span> {
        self.spans.iter().copied().find(|span| span.first <= seq && seq <= span.last)
    }
}

/// What a page of a timeline needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// All of it is held.
    Held(Span),
    /// Nothing is there: the room's log ends before it begins.
    Empty,
    /// Ask the host for the events before this number, then plan again.
    Missing { before: Seq },
}

/// Plans the page of `limit` numbers that ends at `top`.
pub(crate) fn page(coverage: &Coverage, top: Seq, limit: u32) -> Page {
    if top == Seq::ZERO || limit == 0 {
        return Page::Empty;
    }
    let Some(span) = coverage.around(top) else {
        return Page::Missing { before: top.next() };
    };
    let held = Span { first: Seq(span.first.0.max(top.0.saturating_sub(u64::from(limit) - 1))), last: top };
    if held.len() == u64::from(limit) || held.first == Seq(1) {
        Page::Held(held)
    } else {
        Page::Missing { before: held.first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let span = (1u64..60, 0u64..10)
            .prop_map(|(first, more)| Span { first: Seq(first), last: Seq(first + more) });
        proptest::collection::vec(span, 0..20)
    }

    fn numbers(spans: &[Span]) -> BTreeSet<u64> {
        spans.iter().flat_map(|span| span.first.0..=span.last.0).collect()
    }

    proptest! {
        #[test]
        fn coverage_holds_exactly_what_was_added_in_any_order(spans in spans()) {
            let coverage = Coverage::of(spans.clone());
            prop_assert_eq!(numbers(coverage.spans()), numbers(&spans));
            let reversed = Coverage::of(spans.iter().rev().copied());
            prop_assert_eq!(&coverage, &reversed);
            prop_assert!(coverage.spans().windows(2).all(|pair| pair[0].last.next() < pair[1].first));
            let again = Coverage::of(coverage.spans().iter().copied().chain(spans.iter().copied()));
            prop_assert_eq!(&coverage, &again);
            let newest = numbers(&spans).last().copied().unwrap_or(0);
            prop_assert_eq!(coverage.newest(), Seq(newest));
        }

        #[test]
        fn paging_back_with_fetches_meets_every_number_once(held in spans(), head in 1u64..80, limit in 1u32..12) {
            let mut coverage = Coverage::of(held.into_iter().filter(|span| span.last.0 <= head));
            let (mut met, mut top, mut fetches) = (Vec::new(), Seq(head), 0);
            loop {
                match page(&coverage, top, limit) {
                    Page::Empty => break,
                    Page::Held(span) => {
                        prop_assert!(span.len() <= u64::from(limit));
                        met.extend((span.first.0..=span.last.0).rev());
                        top = Seq(span.first.0 - 1);
                    }
                    Page::Missing { before } => {
                        fetches += 1;
                        prop_assert!(fetches <= 2 * head, "every fetch brings something new");
                        prop_assert!(coverage.around(Seq(before.0 - 1)).is_none());
                        let first = before.0.saturating_sub(u64::from(limit)).max(1);
                        coverage.add(Span { first: Seq(first), last: Seq(before.0 - 1) });
                    }
                }
            }
            prop_assert_eq!(met, (1..=head).rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_hostile_number_zero_is_not_taken() {
        let mut coverage = Coverage::default();
        coverage.add(Span { first: Seq(0), last: Seq(9) });
        assert_eq!(coverage, Coverage::default());
    }
}
