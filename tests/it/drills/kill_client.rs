//! `kill -9` of a client in the middle of sending: what it had taken into its outbox is delivered once, in order, and
//! what it had said was delivered is there.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use protocol::{Change, Event, Reply, Request, Role, SignIn};
use serde_json::Value;
use tests::drill::Drill;
use tests::ledger::Ledger;
use tests::link::Link;
use tests::wait::{self, Lines};
use tests::world::{Cli, Host, World};

/// Lines given to a client at once; it dies before it has delivered them.
const LINES: usize = 60;

#[test]
fn a_client_killed_while_it_sends_delivers_once() {
    let mut drill = Drill::begin("kill-client", 8, 200);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let by = SignIn::Invite { token: host.owner_link().unwrap().token, name: "alice".into(), password: None };
    let (mut alice, me) = Link::sign_in(host.address(), by).unwrap();
    let (room, mine) = (me.rooms[0].id, me.token.unwrap());
    let bob = world.client("bob").unwrap();
    let invite = Request::CreateInvite { role: Role::Member, uses: 1, life_ms: 3_600_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = alice.ask(invite).unwrap() else { panic!("no invite") };
    bob.join(&protocol::InviteLink { token, ..link_of(&host) }, "bob").unwrap();

    let mut said = Vec::new();
    let mut told = BTreeMap::new();
    for round in 1..=drill.rounds {
        let lines = (0..LINES).map(|line| format!("{round:04}-{line:03}")).collect::<Vec<_>>();
        let mut sending = Sending::begin(&bob, &lines);
        let acknowledgements = drill.dice.below(20);
        for _ in 0..acknowledgements {
            let (line, seq) = sending.acknowledged().unwrap();
            told.insert(lines[line].clone(), seq);
        }
        // And at no particular moment between two of them.
        thread::sleep(drill.dice.time(Duration::from_millis(12)));
        sending.kill();
        for (line, seq) in sending.last_words() {
            told.insert(lines[line].clone(), seq);
        }
        said.extend(lines);
        drill.after_round(round, format_args!("{} told to be delivered", told.len()));
    }
    let last = "the last line".to_owned();
    let mut sending = Sending::begin(&bob, std::slice::from_ref(&last));
    // What waits goes out before it.
    let (_, seq) = sending.acknowledged().unwrap();
    told.insert(last.clone(), seq);
    sending.ended();
    said.push(last);
    let waiting = bob.done(&["status", "--json"]).unwrap().json().unwrap();
    assert_eq!(waiting[0]["unsent"], 0, "{waiting:?}");

    // She was silent for too long to be still there.
    let (mut alice, _) = Link::sign_in(host.address(), SignIn::Session { token: mine }).unwrap();
    let log = alice.whole_log(room).unwrap();
    let by = log.last().unwrap().by;
    let ledger = judged(&said, &told, &log, by, room);
    let found = ledger.violations();
    let there = log.iter().filter(|event| matches!(event.change, Change::Posted(_))).count();
    drill.say(format_args!(
        "{} lines, {} told to be delivered, {there} delivered, {} violations",
        said.len(),
        told.len(),
        found.len()
    ));
    assert_eq!(found, []);
    assert!(there >= told.len() && told.len() > drill.rounds as usize);
}

/// What the ledger makes of it. Lines have no ids that a dead client could tell, so each has that of its first message.
fn judged(
    said: &[String],
    told: &BTreeMap<String, u64>,
    log: &[Event],
    by: protocol::MemberId,
    room: protocol::RoomId,
) -> Ledger {
    let mut ids = BTreeMap::new();
    for event in log {
        if let Change::Posted(posted) = &event.change {
            ids.entry(posted.text.0.clone()).or_insert(posted.message);
        }
    }
    let mut ledger = Ledger::default();
    for line in said {
        let id = ids.get(line).copied().unwrap_or_else(|| protocol::MessageId(uuid::Uuid::now_v7()));
        ledger.sent(by, room, id, line);
        if let Some(&seq) = told.get(line) {
            ledger.acknowledged(id, room, protocol::Seq(seq));
        }
    }
    ledger.read_whole(by, room, log);
    ledger
}

#[test]
fn a_line_delivered_twice_is_caught() {
    let drill = Drill::begin("kill-client-control", 1, 1);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let by = SignIn::Invite { token: host.owner_link().unwrap().token, name: "alice".into(), password: None };
    let (mut alice, me) = Link::sign_in(host.address(), by).unwrap();
    let room = me.rooms[0].id;
    let lines = ["one".to_owned(), "two".to_owned()];
    // A client that gives every try an id of its own.
    for line in lines.iter().chain(&lines) {
        let id = protocol::MessageId(uuid::Uuid::now_v7());
        alice.ask(Request::post(room, id, protocol::Text(line.clone()))).unwrap();
    }
    let log = alice.whole_log(room).unwrap();
    let found = judged(&lines, &BTreeMap::new(), &log, me.member.id, room).violations();
    drill.say(format_args!(
        "a client that forgets its message's id was caught with {} violations",
        found.len()
    ));
    assert!(found.len() >= 2, "{found:?}");
}

/// Where the host is, as an invite says it.
fn link_of(host: &Host) -> protocol::InviteLink {
    let id = host.listening()["host_id"].as_str().unwrap().parse().unwrap();
    let token = protocol::Secret("A".repeat(43));
    protocol::InviteLink { host: id, addresses: vec![host.address().to_owned()], token }
}

/// A client that sends lines.
struct Sending {
    child: Child,
    // Open, so that it does not end by itself.
    input: Option<ChildStdin>,
    lines: Lines,
}

impl Sending {
    fn begin(cli: &Cli, lines: &[String]) -> Self {
        let mut command: Command = cli.command(&["send-stream", "--room", "general"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        input.write_all(text.as_bytes()).unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, input: Some(input), lines }
    }

    /// The next line that is on the host's disk: which, and its number there.
    fn acknowledged(&mut self) -> anyhow::Result<(usize, u64)> {
        self.lines.find_json("acknowledgement", place)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it had still said before it died.
    fn last_words(&mut self) -> Vec<(usize, u64)> {
        let mut words = Vec::new();
        // Ends with its output.
        while let Ok(word) = self.lines.find("a last word", |line| {
            serde_json::from_str::<Value>(line).ok().and_then(|word| place(&word))
        }) {
            words.push(word);
        }
        words
    }

    fn ended(mut self) {
        drop(self.input.take());
        assert!(wait::end(&mut self.child, "a client").unwrap().success());
    }
}

fn place(word: &Value) -> Option<(usize, u64)> {
    let line = usize::try_from(word["line"].as_u64()?).ok()?;
    Some((line.checked_sub(1)?, word["seq"].as_u64()?))
}
