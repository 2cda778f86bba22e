//! What is found is what the log holds, wherever the index has got to.

use proptest::prelude::*;
use protocol::{Change, Edited, MemberId, MessageId, RoomId, RoomRole, Search, Seq, Text};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::{NOW, in_memory, posted, room_of_alice};
use crate::store::search;
use crate::store::table::{events, memberships, messages, rooms};

const WORDS: [&str; 3] = ["Ärger", "北京", "plan"];
const LOOKED_FOR: [&str; 3] = ["\"arger\"", "\"京\"", "\"plan\"*"];

#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many messages that say one word.
    Post(usize, usize),
    Edit(usize, usize),
    Delete(usize),
    /// The newest ones go, as many as this.
    DeleteNewest(usize),
    /// The second room goes with its messages, and comes anew.
    DeleteRoom,
}

fn step() -> impl Strategy<Value = Step> {
    let word = || 0usize..WORDS.len();
    prop_oneof![
        4 => (1usize..150, word()).prop_map(|(count, word)| Step::Post(count, word)),
        4 => (any::<usize>(), word()).prop_map(|(message, word)| Step::Edit(message, word)),
        3 => any::<usize>().prop_map(Step::Delete),
        1 => (1usize..300).prop_map(Step::DeleteNewest),
        1 => Just(Step::DeleteRoom),
    ]
}

/// Alice in two rooms, with what she has said.
struct Story {
    conn: Connection,
    alice: MemberId,
    rooms: [RoomId; 2],
    /// Room, id, word; oldest first.
    said: Vec<(usize, MessageId, usize)>,
}

impl Story {
    fn new() -> Self {
        let conn = in_memory();
        let (room, alice) = room_of_alice(&conn).unwrap();
        let mut story = Self { conn, alice, rooms: [room; 2], said: Vec::new() };
        story.make_second_room();
        story
    }

    fn make_second_room(&mut self) {
        let id = RoomId(Uuid::now_v7());
        let new = rooms::New {
            id,
            name: "second".into(),
            topic: String::new(),
            visibility: protocol::Visibility::Private,
            for_everyone: false,
            reading: protocol::Reading::Start,
            between: None,
        };
        rooms::insert(&self.conn, &new, NOW).unwrap();
        memberships::insert(&self.conn, (id, self.alice), RoomRole::Admin, Seq(1), NOW).unwrap();
        self.rooms[1] = id;
    }

    fn take(&mut self, step: Step) {
        let alice = self.alice;
        match step {
            Step::Post(count, word) => {
                for number in 0..count {
                    let change = posted(WORDS[word]);
                    let message = message_of(&change).unwrap();
                    let room = number % 2;
                    events::append(&self.conn, self.rooms[room], alice, change, NOW).unwrap();
                    self.said.push((room, message, word));
                }
            }
            Step::Edit(..) | Step::Delete(_) if self.said.is_empty() => {}
            Step::Edit(which, word) => {
                let which = which % self.said.len();
                let (room, message, old) = &mut self.said[which];
                if *old == word {
                    return;
                }
                *old = word;
                let text = Some(Text(WORDS[word].into()));
                let change = Change::Edited(Edited {
                    message: *message,
                    text,
                    mentions: Vec::new(),
                    mentions_room: false,
                });
                let place = messages::find(&self.conn, *message).unwrap().unwrap();
                let event = events::by_message(&self.conn, *message).unwrap().unwrap();
                let edited = events::append(&self.conn, self.rooms[*room], alice, change, NOW).unwrap();
                messages::edit(&self.conn, place, event, &edited).unwrap();
            }
            Step::Delete(which) => self.delete(which % self.said.len()),
            Step::DeleteNewest(count) => {
                for _ in 0..count.min(self.said.len()) {
                    self.delete(self.said.len() - 1);
                }
            }
            Step::DeleteRoom => {
                rooms::delete(&self.conn, self.rooms[1]).unwrap();
                self.said.retain(|(room, ..)| *room == 0);
                self.make_second_room();
            }
        }
    }

    fn delete(&mut self, which: usize) {
        let (room, message, _) = self.said.remove(which);
        let place = messages::find(&self.conn, message).unwrap().unwrap();
        let event = events::by_message(&self.conn, message).unwrap().unwrap();
        messages::delete(&self.conn, place, event).unwrap();
        events::append(&self.conn, self.rooms[room], self.alice, Change::Deleted { message }, NOW).unwrap();
    }

    fn check(&self) {
        for (word, expression) in LOOKED_FOR.iter().enumerate() {
            let expected = self.said.iter().rev().filter(|(.., said)| *said == word);
            let expected = expected.map(|(_, message, _)| *message).collect::<Vec<_>>();
            // In pages, so that their borders fall on both sides of what the index knows.
            let mut found = Vec::new();
            loop {
                let older = found.last().map(|last| messages::find(&self.conn, *last).unwrap().unwrap());
                let page = self.page(expression, older);
                found.extend(page.iter().copied());
                if page.len() < 50 {
                    break;
                }
            }
            assert_eq!(found, expected);
        }
    }

    fn page(&self, expression: &str, older: Option<messages::Place>) -> Vec<MessageId> {
        let wanted = Search {
            text: Text(String::new()),
            from: None,
            room: None,
            before: None,
            after: None,
            has_link: false,
            older_than: None,
            limit: 50,
        };
        let found =
            search::find(&self.conn, self.alice, &wanted, Some(expression), older, 50, &mut 10_000_000)
                .unwrap();
        found.iter().filter_map(|event| message_of(&event.change)).collect()
    }
}

/// The message that is posted, edited or deleted.
fn message_of(change: &Change) -> Option<MessageId> {
    match change {
        Change::Posted(posted) => Some(posted.message),
        other => other.target(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn every_message_is_found_by_what_it_says_now_and_by_nothing_else(steps in prop::collection::vec(step(), 1..20)) {
        let mut story = Story::new();
        for step in steps {
            story.take(step);
        }
        story.check();
    }
}

#[test]
fn what_is_deleted_leaves_the_index() {
    let mut story = Story::new();
    story.take(Step::Post(700, 0));
    story.take(Step::DeleteNewest(700));
    story.check();
    let left: i64 = story.conn.query_row("SELECT count(*) FROM words", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}
