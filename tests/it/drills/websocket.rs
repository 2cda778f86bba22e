//! The WebSocket protocol as the Autobahn test suite asks about it: its 301 core cases by their numbers, written down anew
//! (chapters 1 to 7, 9 and 10 for servers), against a route of a test build that says back what it hears, by the very
//! socket, reader and queue that members have. What is wrong by itself is asked of the host that is shipped, too.

mod cases;
mod utf8;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tests::drill::Drill;
use tests::http;
use tests::raw_socket::{CLOSE, Frame, Heard, RawSocket};
use tests::world::{HostPlan, World, program};

use cases::{Case, End, all};

/// Where the test build echoes.
const ECHO: &str = "/echo";
/// Long enough to see that nothing follows.
const SILENCE: Duration = Duration::from_millis(30);

#[test]
fn the_cases_of_autobahn_hold() {
    let drill = Drill::begin("websocket", 1, 1);
    let world = World::new().unwrap();
    let plan = HostPlan { program: program("hearth-server-too-early"), ..world.host("echo") };
    let host = plan.start().unwrap();
    let cases = all();
    assert_eq!(cases.len(), 301);
    let begun = Instant::now();
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(error) = holds(case, host.address()) {
            failed.push(format!("{}: {error:#}", case.number));
        }
    }
    drill.say(format_args!("{} cases, {} failed, in {:.1?}", cases.len(), failed.len(), begun.elapsed()));
    assert_eq!(failed, Vec::<String>::new());
}

/// Says what the case says and hears what it must.
fn holds(case: &Case, address: &str) -> Result<()> {
    let mut socket = RawSocket::open(address, ECHO)?;
    // A host that has heard enough may have gone before all is said.
    let said = case.say(&mut socket);
    if case.end != End::Fails {
        said?;
    }
    for expected in &case.hears {
        match socket.hear()? {
            Heard::Frame(frame) if frame == *expected => {}
            Heard::Frame(frame) if case.end == End::Fails && is_failure(&frame) => return Ok(()),
            other => bail!("heard {} instead of {}", shown(&other), shown(&Heard::Frame(expected.clone()))),
        }
    }
    match &case.end {
        End::Lives => {
            socket.say(&Frame::close(1000, b"").bytes())?;
            ensure!(socket.hear()? == Heard::Frame(Frame::close(1000, b"")), "no answer to a close");
            ensure!(socket.hear()? == Heard::End, "no end after the close");
        }
        End::Answers(close) => {
            ensure!(socket.hear()? == Heard::Frame(close.clone()), "another answer to a close");
            ensure!(socket.hear()? == Heard::End, "no end after the close");
        }
        End::Fails => match socket.hear()? {
            Heard::End => {}
            Heard::Frame(frame) if is_failure(&frame) => ensure!(socket.hear()? == Heard::End, "it goes on"),
            other => bail!("it did not fail: {}", shown(&other)),
        },
        End::Either => while socket.hear()? != Heard::End {},
    }
    Ok(())
}

fn shown(heard: &Heard) -> String {
    match heard {
        Heard::End => "the end".into(),
        Heard::Frame(frame) => {
            let begin = &frame.payload[..frame.payload.len().min(16)];
            format!("opcode {} fin {} of {} bytes {begin:02x?}", frame.opcode, frame.fin, frame.payload.len())
        }
    }
}

/// A close for a fault of the protocol.
fn is_failure(frame: &Frame) -> bool {
    let code = frame.payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
    frame.opcode == CLOSE && code.is_some_and(|code| [1002, 1007, 1009].contains(&code))
}

#[test]
fn what_is_wrong_by_itself_ends_a_members_connection_too() {
    let drill = Drill::begin("websocket-members", 1, 1);
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let wrong = all().into_iter().filter(|case| case.end == End::Fails).collect::<Vec<_>>();
    let mut failed = Vec::new();
    for case in &wrong {
        if let Err(error) = is_sent_away(case, host.address()) {
            failed.push(format!("{}: {error:#}", case.number));
        }
    }
    drill.say(format_args!("{} wrong cases, {} let through", wrong.len(), failed.len()));
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(http::get(host.address(), "/livez").unwrap().0, 200);
}

fn is_sent_away(case: &Case, address: &str) -> Result<()> {
    let mut socket = RawSocket::open(address, protocol::WS_PATH)?;
    let _ = case.say(&mut socket);
    let _ = socket.hang_up();
    loop {
        match socket.hear()? {
            Heard::End => return Ok(()),
            Heard::Frame(frame) if frame.opcode == CLOSE => {
                let code = frame.payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                ensure!([1002, 1007, 1009, 4201].contains(&code), "closed with {code}");
            }
            Heard::Frame(_) => {}
        }
    }
}

#[test]
fn what_is_shipped_echoes_nothing() {
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let (status, mut socket) = RawSocket::ask(host.address(), ECHO, "").unwrap();
    assert_ne!(status, 101);
    assert!(socket.is_silent_for(SILENCE).is_ok());
    let has = |binary: &str| {
        let said = Command::new("grep").args(["--text", "--quiet", ECHO_WORD]).arg(program(binary)).status();
        said.unwrap().success()
    };
    assert!(has("hearth-server-too-early") && !has("hearth-server"));
}

/// What the echo says when it fails a connection; nothing else of the host says so.
const ECHO_WORD: &str = "the echo ends here";
