//! The floor: the least a WebSocket server can do. It answers each message with one `write(2)` per connected member.
//!
//! It refuses to do anything else: no login, no storage, no limits, one thread, and rooms only as the turn in which
//! connections came. A host that does all of that is measured against it, in the same run on the same machine. It
//! speaks TLS if told to, so that the encryption's own share can be seen.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConnection;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::tls;

const LISTENER: Token = Token(0);

struct Member {
    line: Line,
    received: Vec<u8>,
    upgraded: bool,
}

/// A socket, encrypted or not.
struct Line {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

/// Serves until it is killed; prints its address on one line once it listens. Connections are dealt out to `rooms`
/// rooms in turn, the first to the first.
///
/// # Errors
/// When the address can't be bound or polling fails.
#[expect(clippy::print_stdout, reason = "the address line is the interface to the process that started it")]
pub(crate) fn serve(address: SocketAddr, tls: bool, rooms: usize) -> Result<()> {
    let tls = tls.then(tls::of_this_run).transpose()?;
    let mut listener = TcpListener::bind(address).context("bind")?;
    println!("{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut places: BTreeMap<Token, usize> = BTreeMap::new();
    let mut members: Vec<BTreeMap<Token, Member>> = (0..rooms).map(|_| BTreeMap::new()).collect();
    let mut last = 0;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut socket, _)) = listener.accept() {
                    let room = last % rooms;
                    last += 1;
                    socket.set_nodelay(true)?;
                    poll.registry().register(&mut socket, Token(last), Interest::READABLE)?;
                    let tls = tls.as_ref().map(|tls| ServerConnection::new(Arc::clone(tls))).transpose()?;
                    let line = Line { socket, tls: tls.map(Box::new) };
                    let member = Member { line, received: Vec::new(), upgraded: false };
                    members[room].insert(Token(last), member);
                    places.insert(Token(last), room);
                }
            } else if let Some(room) = places.get(&event.token()) {
                answer(&mut members[*room], event.token());
            }
        }
    }
}

fn answer(members: &mut BTreeMap<Token, Member>, token: Token) {
    let Some(member) = members.get_mut(&token) else { return };
    let alive = fill(member);
    let messages = if alive { member.take_messages() } else { Vec::new() };
    if !alive {
        members.remove(&token);
    }
    for message in messages {
        let frame = text_frame(&message);
        for member in members.values_mut().filter(|member| member.upgraded) {
            // A full socket loses the message here: the floor keeps no queue.
            let _ = member.line.write(&frame);
        }
    }
}

fn fill(member: &mut Member) -> bool {
    let mut piece = [0u8; 16 * 1024];
    loop {
        match member.line.read(&mut piece) {
            Ok(0) => return false,
            Ok(size) => member.received.extend_from_slice(&piece[..size]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

impl Line {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        let Self { socket, tls } = self;
        let Some(tls) = tls else { return socket.read(piece) };
        loop {
            match tls.reader().read(piece) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(std::io::Error::other)?;
            while tls.wants_write() {
                tls.write_tls(socket)?;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let Self { socket, tls } = self;
        let Some(tls) = tls else { return socket.write(bytes) };
        let written = tls.writer().write(bytes)?;
        while tls.wants_write() {
            tls.write_tls(socket)?;
        }
        Ok(written)
    }
}

impl Member {
    fn take_messages(&mut self) -> Vec<Vec<u8>> {
        if !self.upgraded {
            self.upgrade();
            return Vec::new();
        }
        let mut messages = Vec::new();
        while let Some((opcode, payload, size)) = client_frame(&self.received) {
            self.received.drain(..size);
            if opcode == 1 {
                messages.push(payload);
            }
        }
        messages
    }

    fn upgrade(&mut self) {
        let head = String::from_utf8_lossy(&self.received).into_owned();
        if !head.contains("\r\n\r\n") {
            return;
        }
        let value = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let accept = derive_accept_key(value("sec-websocket-key").unwrap_or_default().as_bytes());
        let protocol = value("sec-websocket-protocol")
            .map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"))
            .unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
        );
        self.upgraded = self.line.write(answer.as_bytes()).is_ok();
        self.received.clear();
    }
}

/// One whole masked frame at the start of `bytes`: its opcode, its payload unmasked, its size (RFC 6455, 5.2).
fn client_frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, start) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mask = bytes.get(start..start + 4)?;
    let payload = bytes.get(start + 4..start + 4 + length)?;
    let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Some((first & 0x0f, plain, start + 4 + length))
}

/// `payload` as one unmasked text frame.
fn text_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match payload.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).expect("at most 125")),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).expect("at most 65535").to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}
