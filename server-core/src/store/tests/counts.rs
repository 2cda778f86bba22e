//! What waits, as the database counts it, is what one finds by going through the log.

use std::collections::HashMap;

use proptest::prelude::*;
use protocol::counts::{Weight, waiting, weigh};
use protocol::{
    Attention, Change, Edited, Event, MemberId, MessageId, Posted, Reading, Role, RoomId, RoomRole, Seq,
};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{NOW, in_memory, room_of_alice};
use crate::store::table::{events, follows, marks, members, memberships, messages, relations, rooms};

#[derive(Debug, Clone, Copy)]
enum Step {
    Post { by: usize, mentions: bool, room: bool, under: Option<usize> },
    Edit { message: usize, mentions: bool },
    Delete { message: usize },
    Mark(u64),
    MarkThread { message: usize, seq: u64 },
    Follow { message: usize, follow: bool },
    Attend(Attention),
    Block(bool),
    Reading(Reading),
    Rejoin,
}

fn step() -> impl Strategy<Value = Step> {
    let message = || 0usize..12;
    let under = prop_oneof![2 => Just(None), 1 => message().prop_map(Some)];
    prop_oneof![
        12 => (0usize..3, any::<bool>(), any::<bool>(), under)
            .prop_map(|(by, mentions, room, under)| Step::Post { by, mentions, room, under }),
        3 => (message(), any::<bool>()).prop_map(|(message, mentions)| Step::Edit { message, mentions }),
        2 => message().prop_map(|message| Step::Delete { message }),
        2 => (0u64..40).prop_map(Step::Mark),
        2 => (message(), 0u64..40).prop_map(|(message, seq)| Step::MarkThread { message, seq }),
        1 => (message(), any::<bool>()).prop_map(|(message, follow)| Step::Follow { message, follow }),
        1 => prop_oneof![Just(Attention::All), Just(Attention::Mentions), Just(Attention::Nothing)]
            .prop_map(Step::Attend),
        1 => any::<bool>().prop_map(Step::Block),
        1 => prop_oneof![Just(Reading::Start), Just(Reading::Join)].prop_map(Step::Reading),
        1 => Just(Step::Rejoin),
    ]
}

/// A room in which bob listens to alice and carol.
struct Story {
    conn: Connection,
    room: RoomId,
    people: [MemberId; 3],
    messages: Vec<MessageId>,
    mark: Seq,
    attention: Attention,
    blocked: bool,
    /// Whether bob follows a thread, and how far he has read it.
    threads: HashMap<MessageId, (bool, Seq)>,
}

const BOB: usize = 1;

impl Story {
    fn new() -> Self {
        let conn = in_memory();
        let (room, alice) = room_of_alice(&conn).unwrap();
        let people = [alice, MemberId(Uuid::now_v7()), MemberId(Uuid::now_v7())];
        for (member, name) in people.iter().zip(["alice", "bob", "carol"]).skip(1) {
            members::insert(&conn, &members::Row::new(*member, name.into(), Role::Member), NOW).unwrap();
        }
        let mut story = Self {
            conn,
            room,
            people,
            messages: Vec::new(),
            mark: Seq::ZERO,
            attention: Attention::All,
            blocked: false,
            threads: HashMap::new(),
        };
        story.come_in(2);
        story.come_in(BOB);
        story
    }

    fn come_in(&mut self, who: usize) {
        let member = self.people[who];
        let joined = self.append(member, Change::Joined { member });
        memberships::insert(&self.conn, (self.room, member), RoomRole::Member, joined.seq, NOW).unwrap();
        if who == BOB {
            self.mark = joined.seq;
        }
    }

    fn append(&self, by: MemberId, change: Change) -> Event {
        events::append(&self.conn, self.room, by, change, NOW).unwrap()
    }

    fn log(&self) -> Vec<Event> {
        events::page(&self.conn, self.room, events::Stretch::After(Seq::ZERO), 1000, &mut 1_000_000).unwrap()
    }

    fn head(&self) -> Seq {
        rooms::head(&self.conn, self.room).unwrap().unwrap()
    }

    /// The message under which the thread of `message` began, or would begin.
    fn root(&self, message: usize) -> Option<MessageId> {
        let message = *self.messages.get(message)?;
        let place = messages::find(&self.conn, message).unwrap().unwrap();
        Some(place.thread.unwrap_or(message))
    }

    fn take(&mut self, step: Step) {
        let bob = self.people[BOB];
        match step {
            Step::Post { by, mentions, room, under } => self.post(self.people[by], (mentions, room), under),
            Step::Edit { message, mentions } => self.edit(message, mentions),
            Step::Delete { message } => self.delete(message),
            Step::Mark(seq) => {
                self.mark = Seq(seq).min(self.head());
                let posted = messages::posted_up_to(&self.conn, self.room, self.mark).unwrap();
                marks::set(&self.conn, bob, self.room, (self.mark, posted)).unwrap();
            }
            Step::MarkThread { message, seq } => {
                let Some(root) = self.root(message) else { return };
                if let Some((_, mark)) = self.threads.get_mut(&root) {
                    *mark = Seq(seq);
                    let place = messages::find(&self.conn, root).unwrap().unwrap();
                    follows::mark(&self.conn, place, bob, Seq(seq)).unwrap();
                }
            }
            Step::Follow { message, follow } => {
                let Some(root) = self.root(message) else { return };
                let place = messages::find(&self.conn, root).unwrap().unwrap();
                let head = self.head();
                if follow {
                    follows::follow(&self.conn, place, bob, head).unwrap();
                    self.follow(root, head);
                } else {
                    follows::unfollow(&self.conn, place, bob).unwrap();
                    self.threads.entry(root).or_default().0 = false;
                }
            }
            Step::Attend(attention) => {
                self.attention = attention;
                marks::attend(&self.conn, bob, self.room, attention).unwrap();
            }
            Step::Block(blocked) => {
                self.blocked = blocked;
                let kind = relations::Kind::Blocked;
                relations::set(&self.conn, (bob, self.people[2]), kind, blocked, NOW).unwrap();
            }
            Step::Reading(reading) => rooms::set_reading(&self.conn, self.room, reading).unwrap(),
            Step::Rejoin => {
                memberships::remove(&self.conn, self.room, bob).unwrap();
                self.threads.clear();
                self.come_in(BOB);
            }
        }
    }

    fn follow(&mut self, root: MessageId, mark: Seq) {
        match self.threads.get_mut(&root) {
            Some((true, _)) => {}
            _ => drop(self.threads.insert(root, (true, mark))),
        }
    }

    fn post(&mut self, by: MemberId, (mentions, everyone): (bool, bool), under: Option<usize>) {
        let bob = self.people[BOB];
        let root = under.and_then(|under| self.root(under));
        let message = MessageId(Uuid::now_v7());
        let posted = Posted {
            mentions: if mentions { vec![bob] } else { Vec::new() },
            mentions_room: everyone,
            thread: root,
            ..Posted::new(message, "hello".into())
        };
        let event = self.append(by, Change::Posted(posted.clone()));
        self.messages.push(message);
        let Some(root) = root else { return };
        let place = messages::find(&self.conn, root).unwrap().unwrap();
        follows::answered(&self.conn, place, (event.seq, by), &posted).unwrap();
        if by == bob {
            self.follow(root, event.seq);
        } else if mentions {
            self.follow(root, Seq(event.seq.0 - 1));
        }
        if place.by == bob && by != bob {
            self.threads.entry(root).or_insert((true, Seq(event.seq.0 - 1)));
        }
    }

    fn edit(&mut self, message: usize, mentions: bool) {
        let Some(message) = self.messages.get(message).copied() else { return };
        let place = messages::find(&self.conn, message).unwrap().unwrap();
        if place.deleted {
            return;
        }
        let bob = self.people[BOB];
        let mentions = if mentions { vec![bob] } else { Vec::new() };
        let text = Some("another text".into());
        let change = Change::Edited(Edited { message, text, mentions, mentions_room: false });
        let event = events::by_message(&self.conn, message).unwrap().unwrap();
        let edited = self.append(place.by, change);
        messages::edit(&self.conn, place, event, &edited).unwrap();
    }

    fn delete(&mut self, message: usize) {
        let Some(message) = self.messages.get(message).copied() else { return };
        let place = messages::find(&self.conn, message).unwrap().unwrap();
        if !place.deleted {
            let event = events::by_message(&self.conn, message).unwrap().unwrap();
            messages::delete(&self.conn, place, event).unwrap();
            self.append(place.by, Change::Deleted { message });
        }
    }

    /// Goes through the log.
    fn naive(&self, mark: Seq, thread: Option<MessageId>) -> (u32, u32) {
        let bob = self.people[BOB];
        let floor = rooms::floor(&self.conn, self.room, bob).unwrap();
        let mut counted = Weight::default();
        for event in self.log().iter().filter(|event| event.seq > mark && event.seq > floor) {
            if let Change::Posted(posted) = &event.change
                && posted.thread == thread
            {
                let blocked = self.blocked && event.by == self.people[2];
                let weight = weigh(bob, event.by, blocked, posted);
                counted.messages += weight.messages;
                counted.mentions += weight.mentions;
            }
        }
        waiting(counted, self.attention)
    }

    /// Whether bob may read something of the thread under `root`.
    fn shows(&self, root: MessageId) -> bool {
        let floor = rooms::floor(&self.conn, self.room, self.people[BOB]).unwrap();
        self.log().iter().filter(|event| event.seq > floor).any(|event| match &event.change {
            Change::Posted(posted) => posted.message == root || posted.thread == Some(root),
            _ => false,
        })
    }

    fn check(&self) {
        let bob = self.people[BOB];
        let progress = marks::of_room(&self.conn, bob, self.room).unwrap().unwrap();
        assert_eq!(progress.mark, self.mark);
        assert_eq!((progress.unread, progress.mentions), self.naive(self.mark, None));
        assert_eq!(progress.head, self.head());
        let mut waiting = Vec::new();
        for (root, (followed, mark)) in &self.threads {
            let thread = follows::of_thread(&self.conn, bob, *root).unwrap().unwrap();
            let counted = if *followed { self.naive(*mark, Some(*root)) } else { (0, 0) };
            assert_eq!((thread.unread, thread.mentions), counted);
            assert_eq!(thread.followed, *followed);
            let posted = self.log().into_iter().filter_map(|event| match event.change {
                Change::Posted(posted) if posted.thread == Some(*root) => Some(posted.message),
                _ => None,
            });
            let replies = posted.collect::<Vec<_>>();
            assert_eq!(thread.replies as usize, replies.len());
            assert_eq!(thread.newest, replies.last().copied().unwrap_or(*root));
            if *followed && self.shows(*root) {
                waiting.push((thread.newest, counted.0 > 0));
            }
        }
        let place = |message| self.messages.iter().position(|known| *known == message);
        waiting.sort_by_key(|(newest, _)| std::cmp::Reverse(place(*newest)));
        let listed = |unread| {
            let threads = follows::of_member(&self.conn, bob, (i64::MAX, unread), 100).unwrap();
            threads.into_iter().map(|thread| thread.newest).collect::<Vec<_>>()
        };
        assert_eq!(listed(false), waiting.iter().map(|(newest, _)| *newest).collect::<Vec<_>>());
        let unread = waiting.iter().filter(|(_, waits)| *waits).map(|(newest, _)| *newest);
        assert_eq!(listed(true), unread.collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_the_database_counts_is_what_the_log_says(steps in prop::collection::vec(step(), 1..40)) {
        let mut story = Story::new();
        for step in steps {
            story.take(step);
        }
        story.check();
    }
}

#[test]
fn counting_looks_at_what_waits_and_at_nothing_else() {
    let conn = in_memory();
    for question in [marks::PROGRESS, follows::THREAD] {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>("detail").unwrap());
        }
        assert!(plan.iter().any(|line| line.contains("USING COVERING INDEX messages_")), "{plan:#?}");
        let scans = plan.iter().filter(|line| line.starts_with("SCAN") && !line.contains("CONSTANT"));
        // What a subquery has found is small and walked through.
        let scans = scans.filter(|line| !line.contains("(subquery") && !line.contains("SCAN SUBQUERY"));
        assert_eq!(scans.collect::<Vec<_>>(), Vec::<&String>::new(), "{plan:#?}");
    }
}
