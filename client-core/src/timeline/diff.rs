//! How a timeline changes, and how a list takes the change: the same rule for every surface.

use super::TimelineItem;

/// One change of a room's timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum TimelineDiff {
    /// A new item, or a newer form of the one with the same key.
    Put(TimelineItem),
    /// A newer form of the item with the same key; nothing where that is not shown.
    Replace(TimelineItem),
    /// The item with this key is gone.
    Remove(String),
    /// Too much changed: read the timeline anew.
    Reset,
}

impl TimelineDiff {
    /// Takes the change into `items`, kept in the order of the log with unsent messages at the end. Returns whether
    /// the list must be read anew instead. A delivered item is never replaced by an undelivered form of it.
    pub fn apply(self, items: &mut Vec<TimelineItem>) -> bool {
        match self {
            Self::Reset => return true,
            Self::Remove(key) => items.retain(|item| item.key != key),
            Self::Put(item) => put(items, item),
            Self::Replace(item) => {
                if let Some(held) = items.iter_mut().find(|held| held.key == item.key) {
                    *held = item;
                }
            }
        }
        false
    }
}

fn put(items: &mut Vec<TimelineItem>, item: TimelineItem) {
    if let Some(index) = items.iter().position(|held| held.key == item.key) {
        if items[index].seq.is_some() && item.seq.is_none() {
            return;
        }
        if items[index].seq == item.seq {
            items[index] = item;
            return;
        }
        items.remove(index);
    }
    let place = match item.seq {
        Some(seq) => items.partition_point(|held| held.seq.is_some_and(|other| other < seq)),
        None => items.len(),
    };
    items.insert(place, item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Content, Delivery};
    use proptest::prelude::*;
    use protocol::{MemberId, Seq, UnixMillis};
    use uuid::Uuid;

    fn item(key: u8, seq: Option<u64>) -> TimelineItem {
        TimelineItem {
            key: key.to_string(),
            seq: seq.map(Seq),
            at: UnixMillis(0),
            by: MemberId(Uuid::nil()),
            by_name: String::new(),
            content: Content::Unknown,
            delivery: if seq.is_some() { Delivery::Sent } else { Delivery::Queued },
        }
    }

    #[test]
    fn an_acknowledged_message_moves_from_the_end_to_its_place() {
        let mut items = vec![item(1, Some(1)), item(9, None), item(8, None)];
        TimelineDiff::Put(item(9, Some(2))).apply(&mut items);
        let keys: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
        assert_eq!(keys, ["1", "9", "8"]);
        TimelineDiff::Put(item(9, None)).apply(&mut items);
        assert_eq!(items[1].seq, Some(Seq(2)), "a late echo does not undo the delivery");
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_ends_in_the_order_of_the_log(mut seqs in proptest::collection::vec(1u64..40, 0..60)) {
            let mut items = Vec::new();
            for seq in &seqs {
                TimelineDiff::Put(item(u8::try_from(*seq).unwrap(), Some(*seq))).apply(&mut items);
            }
            seqs.sort_unstable();
            seqs.dedup();
            prop_assert_eq!(items.iter().map(|item| item.seq.unwrap().0).collect::<Vec<_>>(), seqs);
        }
    }
}
