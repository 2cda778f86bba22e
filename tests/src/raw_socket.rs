//! A WebSocket by hand: every bit of every frame is the story's, right or wrong (RFC 6455).
//!
//! It refuses to help: it answers no ping, checks nothing it sends and hides nothing it hears.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::wait::PATIENCE;

/// The opcodes of RFC 6455, 5.2.
pub const CONTINUATION: u8 = 0;
/// A text.
pub const TEXT: u8 = 1;
/// Bytes.
pub const BINARY: u8 = 2;
/// The end.
pub const CLOSE: u8 = 8;
/// A question for life.
pub const PING: u8 = 9;
/// Its answer.
pub const PONG: u8 = 10;

/// One frame, as it was heard or is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits.
    pub reserved: u8,
    /// What it is.
    pub opcode: u8,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole one.
    pub fn whole(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, reserved: 0, opcode, payload: payload.into() }
    }

    /// One that goes on in the next.
    pub fn begun(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: false, ..Self::whole(opcode, payload) }
    }

    /// The same with reserved bits.
    #[must_use]
    pub fn reserving(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// A close that says a code and a reason.
    pub fn close(code: u16, reason: &[u8]) -> Self {
        Self::whole(CLOSE, [&code.to_be_bytes(), reason].concat())
    }

    /// As a client sends it, masked.
    pub fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode];
        match self.payload.len() {
            length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).expect("at most 125")),
            length @ 126..=0xffff => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(length).expect("at most 65535").to_be_bytes());
            }
            length => {
                bytes.push(0x80 | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(MASK);
        let begin = bytes.len();
        bytes.extend_from_slice(&self.payload);
        for four in bytes[begin..].chunks_mut(4) {
            four.iter_mut().zip(MASK).for_each(|(byte, mask)| *byte ^= mask);
        }
        bytes
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A frame.
    Frame(Frame),
    /// The end of the stream, or its reset.
    End,
}

/// One connection that has shaken hands.
pub struct RawSocket {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl RawSocket {
    /// Connects and shakes hands for `path`.
    ///
    /// # Errors
    /// When nobody is there, or the answer is another than 101.
    pub fn open(address: &str, path: &str) -> Result<Self> {
        let (status, socket) = Self::ask(address, path, "")?;
        ensure!(status == 101, "no WebSocket at {path}: {status}");
        Ok(socket)
    }

    /// Asks for a WebSocket at `path`, with further lines of the head; the status of the answer, and what follows it.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(address: &str, path: &str, lines: &str) -> Result<(u16, Self)> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut socket = Self { stream, heard: Vec::new() };
        let version = protocol::version::SUPPORTED[0];
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {version}\r\n{lines}\r\n"
        );
        socket.say(head.as_bytes())?;
        let end = loop {
            if let Some(at) = socket.heard.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(socket.read_more()?, "the answer has no end of its head");
        };
        let head = String::from_utf8_lossy(&socket.heard[..end]).into_owned();
        socket.heard.drain(..end);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.context("an answer without a status")?;
        if status == 101 {
            // The example of RFC 6455, 1.3.
            ensure!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "a wrong accept in {head}");
        }
        Ok((status, socket))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the other side has gone.
    pub fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Sends bytes in pieces that the other side reads one by one.
    ///
    /// # Errors
    /// When the other side has gone.
    pub fn say_in_pieces(&mut self, bytes: &[u8], size: usize) -> Result<()> {
        for piece in bytes.chunks(size.max(1)) {
            self.say(piece)?;
        }
        Ok(())
    }

    /// Ends our half.
    ///
    /// # Errors
    /// When it is over already.
    pub fn hang_up(&mut self) -> Result<()> {
        Ok(self.stream.shutdown(std::net::Shutdown::Write)?)
    }

    /// The next frame or the end.
    ///
    /// # Errors
    /// When neither comes for too long, or the host masks what it says.
    pub fn hear(&mut self) -> Result<Heard> {
        loop {
            if let Some((frame, length)) = parse(&self.heard)? {
                self.heard.drain(..length);
                return Ok(Heard::Frame(frame));
            }
            if !self.read_more()? {
                return Ok(Heard::End);
            }
        }
    }

    /// From now on, what the other side does not take for so long is an error.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn give_up_after(&mut self, time: Duration) -> Result<()> {
        Ok(self.stream.set_write_timeout(Some(time))?)
    }

    /// Hears on; whether the end came, and within bounds.
    pub fn hears_the_end(&mut self) -> bool {
        loop {
            match self.hear() {
                Ok(Heard::End) => return true,
                Ok(Heard::Frame(_)) => {}
                Err(_) => return false,
            }
        }
    }

    /// Hears on to the end; the code of the close that was said before it.
    pub fn hears_a_close(&mut self) -> Option<u16> {
        loop {
            match self.hear() {
                Ok(Heard::Frame(frame)) if frame.opcode == CLOSE => {
                    return frame.payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                }
                Ok(Heard::Frame(_)) => {}
                Ok(Heard::End) | Err(_) => return None,
            }
        }
    }

    /// Whether anything came within a short time.
    ///
    /// # Errors
    /// When the socket can not be asked.
    pub fn is_silent_for(&mut self, time: Duration) -> Result<bool> {
        self.stream.set_read_timeout(Some(time))?;
        let before = self.heard.len();
        let more = self.read_more();
        self.stream.set_read_timeout(Some(PATIENCE))?;
        match more {
            Ok(_) => Ok(false),
            Err(_) => Ok(self.heard.len() == before),
        }
    }

    /// Reads what has come; whether the stream goes on.
    fn read_more(&mut self) -> Result<bool> {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.heard.extend_from_slice(&buffer[..count]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The first frame of `bytes` and its length, if it is whole.
fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        bail!("a host does not mask");
    }
    let (begin, length) = match second & 0x7f {
        126 if bytes.len() >= 4 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        127 if bytes.len() >= 10 => {
            let mut long = [0; 8];
            long.copy_from_slice(&bytes[2..10]);
            (10, usize::try_from(u64::from_be_bytes(long))?)
        }
        126 | 127 => return Ok(None),
        short => (2, usize::from(short)),
    };
    let Some(payload) = bytes.get(begin..begin + length) else { return Ok(None) };
    let frame = Frame {
        fin: first & 0x80 != 0,
        reserved: first >> 4 & 7,
        opcode: first & 15,
        payload: payload.to_vec(),
    };
    Ok(Some((frame, begin + length)))
}
