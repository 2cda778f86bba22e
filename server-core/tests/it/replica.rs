//! A device that stays and one that is away now and then, by the words of `docs/protocol.md` alone: after whatever was
//! done meanwhile, all that either holds stands as the host says, and what was left out can be paged to the last event.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Cases, TestRunner};
use protocol::{
    Change, Cursor, Event, MessageId, Post, Posted, Reply, Request, RoomId, Secret, Seq, SignIn, Visibility,
};

use crate::support::{Client, World, message_id};

/// What is done; messages by how far back they were posted.
#[derive(Debug, Clone)]
enum Step {
    Post {
        thread: Option<usize>,
        calls: bool,
    },
    Edit(usize, u8),
    Delete(usize),
    React(usize, u8),
    Unreact(usize, u8),
    Pin(usize, bool),
    Topic(u8),
    /// The device that is away comes back; with `reads`, it pages what the sync left out.
    Return {
        reads: bool,
    },
}

fn step() -> impl Strategy<Value = (bool, usize, Step)> {
    let back = || 0..60_usize;
    // Rarely back: a gap of more than a page of a sync leaves a hole.
    let what = prop_oneof![
        360 => (prop::option::weighted(0.4, back()), any::<bool>())
            .prop_map(|(thread, calls)| Step::Post { thread, calls }),
        180 => (back(), 0..9_u8).prop_map(|(message, text)| Step::Edit(message, text)),
        90 => back().prop_map(Step::Delete),
        180 => (back(), 0..4_u8).prop_map(|(message, emoji)| Step::React(message, emoji)),
        90 => (back(), 0..4_u8).prop_map(|(message, emoji)| Step::Unreact(message, emoji)),
        60 => (back(), any::<bool>()).prop_map(|(message, up)| Step::Pin(message, up)),
        12 => (0..5_u8).prop_map(Step::Topic),
        1 => any::<bool>().prop_map(|reads| Step::Return { reads }),
    ];
    (any::<bool>(), 0..2_usize, what)
}

/// What a device keeps of one log: each event with the number as of which it stands so.
#[derive(Default)]
struct Replica(BTreeMap<Seq, (Event, Seq)>);

impl Replica {
    fn take(&mut self, events: Vec<Event>, as_of: Seq) {
        for event in events {
            let held = self.0.entry(event.seq).or_insert_with(|| (event.clone(), as_of));
            if held.1 < as_of {
                *held = (event, as_of);
            }
        }
    }

    fn newest(&self) -> Seq {
        self.0.last_key_value().map_or(Seq::ZERO, |(seq, _)| *seq)
    }

    /// What is held, each message with the changes that are held beside it.
    fn stands(&self) -> BTreeMap<Seq, Event> {
        let stand = |(event, as_of): &(Event, Seq)| {
            let mut event = event.clone();
            if let Change::Posted(posted) = &mut event.change {
                for (later, _) in self.0.range(as_of.next()..).map(|(_, held)| held) {
                    posted.take(later.seq, later.by, &later.change);
                }
            }
            compared(event)
        };
        self.0.values().map(stand).map(|event| (event.seq, event)).collect()
    }
}

/// An event as two sides can be compared: an edit says its text only while it is the newest, and who reacted first is
/// told by the log.
fn compared(mut event: Event) -> Event {
    match &mut event.change {
        Change::Edited(edited) => {
            edited.text = None;
            edited.mentions.clear();
            edited.mentions_room = false;
        }
        Change::Posted(Posted { reactions, .. }) => {
            reactions.iter_mut().for_each(|reaction| reaction.by.sort_unstable());
            reactions.sort_by(|one, other| one.emoji.cmp(&other.emoji));
        }
        _ => {}
    }
    event
}

/// The whole log as the host says it now.
async fn truth(client: &mut Client, room: RoomId) -> BTreeMap<Seq, Event> {
    let mut log = Replica::default();
    page(client, room, &mut log, (Seq::ZERO, None)).await;
    log.stands()
}

/// Reads a log on from what is held at its beginning, up to a number.
async fn page(client: &mut Client, room: RoomId, log: &mut Replica, (mut after, before): (Seq, Option<Seq>)) {
    loop {
        let request = Request::History { room, before, after: Some(after), limit: 200 };
        let Reply::History(page) = client.ask(request).await.unwrap() else { panic!("no history") };
        let Some(last) = page.events.last() else { return };
        after = last.seq;
        log.take(page.events, page.head);
    }
}

struct Story {
    world: World,
    /// Alice, and the device of bob's that stays.
    people: [Client; 2],
    rooms: [RoomId; 2],
    messages: [Vec<MessageId>; 2],
    stays: [Replica; 2],
    away: [Replica; 2],
    token: Secret,
}

impl Story {
    async fn begin() -> Self {
        let world = World::start().await;
        let (mut alice, me) = world.alice().await;
        let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
        let closed = alice.create_room("closed", Visibility::Private).await.id;
        let add = Request::AddToRoom { room: closed, member: bobs.member.id };
        alice.ask(add).await.unwrap();
        let rooms = [me.rooms[0].id, closed];
        let mut stays = [Replica::default(), Replica::default()];
        for (room, log) in rooms.iter().zip(&mut stays) {
            page(&mut bob, *room, log, (Seq::ZERO, None)).await;
        }
        Self {
            world,
            people: [alice, bob],
            rooms,
            messages: [Vec::new(), Vec::new()],
            stays,
            away: [Replica::default(), Replica::default()],
            token: bobs.token.unwrap(),
        }
    }

    /// What a step asks of the host; nothing while there is no message.
    fn request(&mut self, at: usize, step: &Step) -> Option<Request> {
        let room = self.rooms[at];
        let said = self.messages[at].clone();
        let message = |back: usize| said.iter().rev().nth(back % said.len().max(1)).copied();
        let emoji = |number: u8| ["👍", "❤️", "😀", "👩\u{200d}🚀"][usize::from(number)].to_owned();
        Some(match *step {
            Step::Post { thread, calls } => {
                let (thread, text) = (thread.and_then(message), if calls { "@bob @room" } else { "hello" });
                let fresh = message_id();
                // Only what stands in the room itself can begin a thread.
                if thread.is_none() {
                    self.messages[at].push(fresh);
                }
                Request::Post(Post { thread, ..Post::new(room, fresh, text.into()) })
            }
            Step::Edit(back, text) => {
                let text = format!("now it says {text}").into();
                Request::Edit { room, message: message(back)?, text }
            }
            Step::Delete(back) => Request::Delete { room, message: message(back)? },
            Step::React(back, with) => Request::React { room, message: message(back)?, emoji: emoji(with) },
            Step::Unreact(back, with) => {
                Request::Unreact { room, message: message(back)?, emoji: emoji(with) }
            }
            Step::Pin(back, true) => Request::Pin { room, message: message(back)? },
            Step::Pin(back, false) => Request::Unpin { room, message: message(back)? },
            Step::Topic(about) => Request::SetTopic { room, topic: about.to_string() },
            Step::Return { .. } => return None,
        })
    }

    /// The device that stays has heard everything.
    async fn judge_who_stays(&mut self) {
        for at in 0..self.rooms.len() {
            let room = self.rooms[at];
            // This is answered after all that was told before it.
            self.people[1].ask(Request::Mark { room, seq: Seq::ZERO, back: false }).await.unwrap();
        }
        for pushed in self.people[1].take_pushed() {
            let Reply::Event { event } = pushed else { continue };
            let at = self.rooms.iter().position(|room| *room == event.room).unwrap();
            let as_of = event.seq;
            self.stays[at].take(vec![event], as_of);
        }
        for at in 0..self.rooms.len() {
            let expected = truth(&mut self.people[0], self.rooms[at]).await;
            assert_eq!(self.stays[at].stands(), expected, "what was heard live");
        }
    }

    /// The other one comes back, and holds nothing that is no longer so.
    async fn come_back(&mut self, reads: bool) {
        let mut device = self.world.greet().await;
        device.sign_in(SignIn::Session { token: self.token.clone() }).await.unwrap();
        let held = self.away.iter().map(Replica::newest).collect::<Vec<_>>();
        let cursors = self.rooms.iter().zip(&held).map(|(room, after)| Cursor { room: *room, after: *after });
        let synced = device.ask(Request::Sync { cursors: cursors.collect() }).await.unwrap();
        let Reply::Synced { rooms } = synced else { panic!("not synced") };
        for told in rooms {
            let at = self.rooms.iter().position(|room| *room == told.room).unwrap();
            let first = told.events.first().map(|event| event.seq);
            let log = &mut self.away[at];
            log.take(told.changed, told.head);
            log.take(told.events, told.head);
            if told.more {
                page(&mut device, told.room, log, (held[at], first)).await;
            }
            let expected = truth(&mut self.people[0], told.room).await;
            for (seq, event) in log.stands() {
                assert_eq!(event, expected[&seq], "what is held stands as the host says");
            }
            if reads {
                page(&mut device, told.room, log, (Seq::ZERO, None)).await;
                assert_eq!(log.stands(), expected, "and all of it can be read");
            }
        }
    }
}

#[tokio::test]
async fn whoever_was_away_holds_what_whoever_stayed_has_heard() {
    let mut runner = TestRunner::new(Cases::with_cases(1));
    for _ in 0..2 {
        let steps = prop::collection::vec(step(), 2000..3000).new_tree(&mut runner).unwrap().current();
        let mut story = Story::begin().await;
        for (who, at, step) in &steps {
            match (story.request(*at, step), step) {
                // Refused or not: a message may be deleted, an emoji one too many.
                (Some(request), _) => drop(story.people[usize::from(*who)].ask(request).await),
                (None, Step::Return { reads }) => story.come_back(*reads).await,
                (None, _) => {}
            }
        }
        story.judge_who_stays().await;
        story.come_back(false).await;
        story.come_back(true).await;
    }
}
