//! A network that is cut and healed, again and again: a host and two members on one machine, two on another. Whatever was
//! said on either side meanwhile is everywhere within ten seconds of the healing, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::drill::{Drill, is_long, spread};
use tests::network::{Network, skipped};
use tests::wait::Lines;
use tests::world::{Cli, Running, World};

use crate::invite;

/// Within which all have everything.
const CONVERGES: Duration = Duration::from_secs(10);

#[test]
fn members_converge_within_ten_seconds_of_a_healed_partition() {
    let mut drill = Drill::begin("partition", 2, 30);
    if skipped("partitions") {
        return;
    }
    let world = World::new().unwrap();
    let network = Network::new().unwrap();
    let mut plan = world.host("studio");
    plan.namespace = Some(network.one.clone());
    plan.listen = "0.0.0.0:7717".into();
    let host = plan.start().unwrap();
    let member = |name: &str, machine: &tests::network::Namespace| {
        let mut cli = world.client(name).unwrap();
        cli.namespace = Some(machine.clone());
        cli
    };
    let [alice, dave] = ["alice", "dave"].map(|name| member(name, &network.one));
    let [bob, carol] = ["bob", "carol"].map(|name| member(name, &network.other));
    alice.join(&host.owner_link().unwrap(), "alice").unwrap();
    let link = invite(&alice, 3);
    for (cli, name) in [(&bob, "bob"), (&carol, "carol"), (&dave, "dave")] {
        cli.join(&link, name).unwrap();
    }
    let (mut here, mut there) = (Talker::begin(&alice, "alice"), Talker::begin(&bob, "bob"));
    let mut readers = [Reader::begin(&carol), Reader::begin(&dave)];
    let mut said = BTreeSet::new();
    let mut healed = Vec::new();
    let longest = if is_long() { 20 } else { 4 };
    for round in 1..=drill.rounds {
        said.extend([here.say(), there.say()]);
        readers.iter_mut().for_each(|reader| reader.reads_all(&said));
        network.cut(true).unwrap();
        let lasts = Duration::from_secs(1) + drill.dice.time(Duration::from_secs(longest));
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            said.extend([here.say(), there.say()]);
            // As people do: what is said meanwhile is delivered one after the other, each by a commit of its own.
            thread::sleep(Duration::from_secs(1));
        }
        network.cut(false).unwrap();
        let since = Instant::now();
        said.extend([here.say(), there.say()]);
        readers.iter_mut().for_each(|reader| reader.reads_all(&said));
        let took = since.elapsed();
        drill.after_round(round, format_args!("cut for {lasts:.1?}, all there {took:.1?} after"));
        healed.push(took);
        // What everyone has is the same, in one order, and nothing of it twice.
        assert_eq!(readers[0].log, readers[1].log);
    }
    let slowest = *healed.iter().max().unwrap();
    drill.say(format_args!(
        "{} lines, none lost or doubled; all there after {}",
        said.len(),
        spread(&mut healed)
    ));
    assert!(slowest < CONVERGES, "{slowest:?}");
    drop((here, there));
}

/// A member who posts what it is given, on and on.
struct Talker {
    child: Child,
    input: ChildStdin,
    name: &'static str,
    said: u32,
}

impl Talker {
    fn begin(cli: &Cli, name: &'static str) -> Self {
        let mut command = cli.command(&["--timeout", "600", "send-stream", "--room", "general"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        Self { child, input, name, said: 0 }
    }

    fn say(&mut self) -> String {
        self.said += 1;
        let line = format!("{} {}", self.name, self.said);
        writeln!(self.input, "{line}").unwrap();
        line
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A member who writes down what it reads.
struct Reader {
    running: Running,
    /// By number.
    log: BTreeMap<u64, String>,
}

impl Reader {
    fn begin(cli: &Cli) -> Self {
        Self { running: cli.begin(&["tail", "--json", "--from", "0"]).unwrap(), log: BTreeMap::new() }
    }

    /// Reads until it has all of `said`.
    fn reads_all(&mut self, said: &BTreeSet<String>) {
        let lines: &mut Lines = &mut self.running.lines;
        while self.log.len() < said.len() {
            let (seq, text) = lines.find_json("a message", message).unwrap();
            assert!(said.contains(&text), "nobody said {text:?}");
            assert_eq!(self.log.insert(seq, text), None, "number {seq} twice");
        }
        let texts = self.log.values().cloned().collect::<BTreeSet<_>>();
        assert_eq!(&texts, said);
    }
}

fn message(line: &Value) -> Option<(u64, String)> {
    (line["kind"] == "message")
        .then(|| (line["seq"].as_u64().unwrap(), line["text"].as_str().unwrap().to_owned()))
}
