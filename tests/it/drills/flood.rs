//! Floods: connections, slow handshakes, pings, random bytes, deep JSON, frames without an end. Those who talk meanwhile
//! are unharmed, and the host's memory is bounded.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::crowd::{self, Sender};
use tests::drill::{Dice, Drill, is_long, spread};
use tests::http;
use tests::raw_socket::{BINARY, CONTINUATION, Frame, PING, RawSocket, TEXT};
use tests::world::{Host, World};

/// By how much the host may grow under any of them.
const GROWTH_MIB: u64 = 64;

/// The close of those who send what no client sends.
const SENT_AWAY: u16 = 4201;

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    /// Sockets that say nothing.
    Connections,
    /// Heads of requests, a byte at a time.
    SlowHeads,
    /// Heads of requests without an end.
    EndlessHeads,
    /// WebSockets that never sign in.
    Strangers,
    /// Bytes from dice, as a request.
    RandomBytes,
    /// Bytes from dice, as frames.
    RandomFrames,
    /// Pings without end from one who reads no pong.
    Pings,
    /// JSON as deep as a frame is long.
    DeepJson,
    /// Fragments of a message that never ends.
    Fragments,
    /// Frames that say they are longer than any memory.
    GiantFrames,
}

const FLOODS: [Flood; 10] = [
    Flood::Connections,
    Flood::SlowHeads,
    Flood::EndlessHeads,
    Flood::Strangers,
    Flood::RandomBytes,
    Flood::RandomFrames,
    Flood::Pings,
    Flood::DeepJson,
    Flood::Fragments,
    Flood::GiantFrames,
];

#[test]
fn floods_leave_the_others_unharmed_and_the_memory_bounded() {
    let drill = Drill::begin("flood", 10, 10);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let mut senders = crowd::gather(&host).unwrap();
    for (round, flood) in (0_u32..).zip(FLOODS).take(drill.rounds as usize) {
        let before = memory(&host, "VmRSS");
        forget_the_peak(&host);
        let over = Arc::new(AtomicBool::new(false));
        let talking = talk(&host, senders.remove(0), Arc::clone(&over));
        let dice = Dice::new(u64::from(round) + drill.dice.clone().number());
        let address = host.address().to_owned();
        let begun = Instant::now();
        let came = thread::spawn(move || pour(flood, &address, dice)).join().unwrap();
        let took = begun.elapsed();
        // And for a moment after.
        thread::sleep(Duration::from_millis(100));
        over.store(true, Ordering::SeqCst);
        let (sender, mut times) = talking.join().unwrap();
        senders.push(sender);
        let (peak, after) = (memory(&host, "VmHWM"), memory(&host, "VmRSS"));
        drill.say(format_args!(
            "{flood:?}: {came} in {took:.1?}; memory {} MiB before, {} at the most, {} after; posts {}",
            before >> 10,
            peak >> 10,
            after >> 10,
            spread(&mut times)
        ));
        assert!(
            (peak.saturating_sub(before)) >> 10 < GROWTH_MIB,
            "{flood:?}: {before} KiB grew to {peak} KiB"
        );
        assert!(!times.is_empty(), "{flood:?}: nobody could talk");
        assert_eq!(http::get(host.address(), "/readyz").unwrap().0, 200);
    }
    let ledger = crowd::everything_read(host.address(), &senders, senders.len()).unwrap();
    assert_eq!(ledger.violations(), []);
    drill.say(format_args!("{:?}, 0 violations", ledger.counts()));
    let log = host.plan().log().unwrap();
    assert!(!log.contains("panicked"), "{log}");
}

/// Posts on and on, one after the other, until it is over; how long each took.
fn talk(
    host: &Host,
    mut sender: Sender,
    over: Arc<AtomicBool>,
) -> thread::JoinHandle<(Sender, Vec<Duration>)> {
    let (mut link, _) = sender.connect(host.address()).unwrap();
    thread::spawn(move || {
        let mut times = Vec::new();
        while !over.load(Ordering::SeqCst) || times.is_empty() {
            times.push(sender.post_once(&mut link).unwrap().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        (sender, times)
    })
}

/// Does the worst; says how much of it.
fn pour(flood: Flood, address: &str, mut dice: Dice) -> String {
    let size = |usual: usize, long: usize| if is_long() { long } else { usual };
    match flood {
        Flood::Connections => {
            let sockets =
                (0..size(300, 4000)).filter_map(|_| TcpStream::connect(address).ok()).collect::<Vec<_>>();
            thread::sleep(Duration::from_millis(300));
            format!("{} connections", sockets.len())
        }
        Flood::SlowHeads => slow_heads(address, size(100, 1500), size(10, 100)),
        Flood::EndlessHeads => endless_heads(address, size(4, 50)),
        Flood::Strangers => {
            let open = || RawSocket::open(address, protocol::WS_PATH).ok();
            let sockets = (0..size(200, 1500)).filter_map(|_| open()).collect::<Vec<_>>();
            format!("{} strangers", sockets.len())
        }
        Flood::RandomBytes => {
            let count = size(200, 10_000);
            (0..count).for_each(|_| {
                let Ok(mut socket) = TcpStream::connect(address) else { return };
                let _ = socket.write_all(&random(&mut dice, 2000));
            });
            format!("{count} of up to 2000 random bytes")
        }
        Flood::RandomFrames => {
            let count = size(200, 5000);
            (0..count).for_each(|_| {
                let Ok(mut socket) = RawSocket::open(address, protocol::WS_PATH) else { return };
                let _ = socket.say(&random(&mut dice, 2000));
            });
            format!("{count} of up to 2000 random bytes as frames")
        }
        Flood::Pings => pings(address, size(20_000, 1_000_000)),
        Flood::DeepJson => deep_json(address, size(40, 2000)),
        Flood::Fragments => fragments(address, size(2, 20)),
        Flood::GiantFrames => giants(address, size(50, 2000)),
    }
}

fn random(dice: &mut Dice, most: usize) -> Vec<u8> {
    let length = 1 + dice.below(most);
    (0..length).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
}

fn slow_heads(address: &str, count: usize, bytes: usize) -> String {
    let mut sockets = (0..count).filter_map(|_| TcpStream::connect(address).ok()).collect::<Vec<_>>();
    let head = format!("GET /ws HTTP/1.1\r\nHost: {address}\r\nX-Slow: {}", "x".repeat(1000));
    for byte in head.as_bytes().iter().take(bytes) {
        sockets.iter_mut().for_each(|socket| drop(socket.write_all(&[*byte])));
        thread::sleep(Duration::from_millis(20));
    }
    format!("{} heads, {bytes} bytes of each", sockets.len())
}

/// Each ends at the host's own limit, not at ours.
fn endless_heads(address: &str, count: usize) -> String {
    let mut longest = 0;
    for _ in 0..count {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(format!("GET / HTTP/1.1\r\nHost: {address}\r\n").as_bytes()).unwrap();
        let line = format!("X-More: {}\r\n", "x".repeat(1000));
        let written = (0..10_000).take_while(|_| socket.write_all(line.as_bytes()).is_ok()).count();
        assert!(written < 10_000, "ten megabytes of a head were taken");
        longest = longest.max(written * line.len());
    }
    format!("{count} heads, refused after {} KiB at the most", longest >> 10)
}

fn pings(address: &str, count: usize) -> String {
    let mut socket = RawSocket::open(address, protocol::WS_PATH).unwrap();
    socket.give_up_after(Duration::from_secs(2)).unwrap();
    let ping = Frame::whole(PING, [b'p'; 125]).bytes();
    let many = ping.repeat(100);
    // Who reads no answers is held back, and is sent away in the end.
    let said = (0..count / 100).take_while(|_| socket.say(&many).is_ok()).count();
    format!("{} pings, then held back", said * 100)
}

fn deep_json(address: &str, count: usize) -> String {
    let deep = [
        "[".repeat(100_000),
        format!("{{\"req\":1,\"type\":{}1{}}}", "[".repeat(40_000), "]".repeat(40_000)),
        format!("{{\"req\":1,\"type\":\"post\",\"room\":{}", "{\"a\":".repeat(20_000)),
    ];
    let mut sent_away = 0;
    for at in 0..count {
        let mut socket = RawSocket::open(address, protocol::WS_PATH).unwrap();
        let frame = Frame::whole(TEXT, deep[at % deep.len()].as_bytes()).bytes();
        let _ = (0..5).try_for_each(|_| socket.say(&frame));
        let _ = socket.hang_up();
        sent_away += usize::from(socket.hears_the_end());
    }
    assert_eq!(sent_away, count);
    format!("5 frames on each of {count} connections")
}

fn fragments(address: &str, count: usize) -> String {
    for _ in 0..count {
        let mut socket = RawSocket::open(address, protocol::WS_PATH).unwrap();
        socket.say(&Frame::begun(BINARY, b"x").bytes()).unwrap();
        let many = Frame::begun(CONTINUATION, [b'x'; 64]).bytes().repeat(64);
        let _ = (0..200).try_for_each(|_| socket.say(&many));
        assert_eq!(socket.hears_a_close(), Some(SENT_AWAY), "a message without an end was taken");
    }
    format!("{count} messages of up to 12 800 fragments")
}

fn giants(address: &str, count: usize) -> String {
    for _ in 0..count {
        let mut socket = RawSocket::open(address, protocol::WS_PATH).unwrap();
        socket.say(&[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(socket.hears_a_close(), Some(SENT_AWAY));
    }
    format!("{count} frames of a terabyte")
}

/// A figure of the host's process in KiB.
fn memory(host: &Host, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// From now on the peak is a new one.
fn forget_the_peak(host: &Host) {
    std::fs::write(format!("/proc/{}/clear_refs", host.pid()), "5").unwrap();
}
