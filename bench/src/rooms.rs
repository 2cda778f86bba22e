//! Many rooms, everyone talking: CPU of the server per delivered message, and how evenly deliveries come, beside the
//! floor with the same rooms.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt, stream};
use protocol::{Request, RoomId, SignIn, Visibility};
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::fanout::{AT_ONCE, SETTLE};
use crate::server::{Runtime, Server};
use crate::swarm::{PATIENCE, Socket, ask, is_delivery, make_room, open, post_frame, sign_in};

/// How much is said by how many.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Members, dealt out to the rooms in turn.
    pub(crate) members: usize,
    /// Rooms.
    pub(crate) rooms: usize,
    /// Messages of each member.
    pub(crate) messages: u64,
    /// Messages a second of all members together; 0: each speaks again as soon as it hears itself.
    pub(crate) rate: u64,
}

/// What it came to.
pub(crate) struct Cost {
    /// CPU microseconds a delivery.
    pub(crate) cpu: f64,
    /// Milliseconds from a message to each of its deliveries: half of them, and 99 of 100.
    pub(crate) half: f64,
    pub(crate) most: f64,
}

/// One member at work.
struct Talk {
    socket: Socket,
    room: RoomId,
    number: usize,
    load: Load,
}

/// Measures the floor.
///
/// # Errors
/// When it does not start or loses a delivery.
pub(crate) async fn floor(load: Load, tls: bool) -> Result<Cost> {
    let server = Server::floor(tls, load.rooms)?;
    let mut talks = Vec::with_capacity(load.members);
    for number in 0..load.members {
        talks.push(Talk { socket: open(&server).await?, room: RoomId(Uuid::nil()), number, load });
    }
    measure(&server, talks).await
}

/// Measures the host.
///
/// # Errors
/// When it does not start, refuses somebody or loses a delivery.
pub(crate) async fn host(binary: &Path, load: Load, runtime: Runtime) -> Result<Cost> {
    let data = tempfile::tempdir()?;
    let server = Server::hearth(binary, data.path(), runtime)?;
    let mut owner = open(&server).await?;
    sign_in(&mut owner, server.owner("owner")?).await?;
    let mut rooms = Vec::with_capacity(load.rooms);
    for number in 0..load.rooms {
        let name = format!("room {number}");
        rooms.push(make_room(&mut owner, 3 + u32::try_from(number)?, &name, Visibility::Public).await?);
    }
    let mut joining =
        stream::iter(0..load.members).map(|number| join(&server, &rooms, number, load)).buffered(AT_ONCE);
    let mut talks = Vec::with_capacity(load.members);
    while let Some(talk) = joining.next().await {
        talks.push(talk?);
    }
    drop(joining);
    // The owner hears everything, and is no part of the company.
    drop(owner);
    sleep(SETTLE).await;
    measure(&server, talks).await
}

async fn join(server: &Server, rooms: &[RoomId], number: usize, load: Load) -> Result<Talk> {
    let mut socket = open(server).await?;
    let by = SignIn::Register { name: format!("member {number}"), password: None };
    sign_in(&mut socket, by).await?;
    let room = *rooms.get(number % load.rooms).context("there are rooms")?;
    ask(&mut socket, 3, Request::JoinRoom { room }).await?;
    Ok(Talk { socket, room, number, load })
}

async fn measure(server: &Server, talks: Vec<Talk>) -> Result<Cost> {
    let (count, began) = (talks.len(), Instant::now());
    let (ready, done) = (Arc::new(Barrier::new(count + 1)), Arc::new(Barrier::new(count + 1)));
    let mut tasks = Vec::with_capacity(count);
    for talk in talks {
        let (ready, done) = (Arc::clone(&ready), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            ready.wait().await;
            let heard = talk.run(began).await;
            done.wait().await;
            heard
        }));
    }
    let before = server.cpu()?;
    ready.wait().await;
    done.wait().await;
    let used = server.cpu()?.saturating_sub(before);
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.context("a member")??);
    }
    times.sort_unstable();
    let at = |share: f64| {
        times.get((times.len() as f64 * share) as usize).map_or(f64::NAN, |time| *time as f64 / 1e3)
    };
    Ok(Cost { cpu: used.as_secs_f64() * 1e6 / times.len() as f64, half: at(0.5), most: at(0.99) })
}

impl Talk {
    /// Says its part and hears the room out; gives the microseconds each delivery took.
    async fn run(mut self, began: Instant) -> Result<Vec<u32>> {
        let Load { members, rooms, messages, rate } = self.load;
        let company = members / rooms + usize::from(self.number % rooms < members % rooms);
        let expected = company * usize::try_from(messages)?;
        let mut heard = Vec::with_capacity(expected);
        let start = Instant::now();
        let due = |said: u64| match rate {
            0 => start,
            rate => {
                start
                    + Duration::from_secs_f64(
                        (said * members as u64 + self.number as u64) as f64 / rate as f64,
                    )
            }
        };
        let (mut said, mut own) = (0, 0);
        while heard.len() < expected {
            let may_speak = said < messages && said == own;
            tokio::select! {
                biased;
                () = sleep_until(due(said)), if may_speak => {
                    said += 1;
                    let text = format!("{:016} {:08} {}", began.elapsed().as_micros(), self.number, "x".repeat(74));
                    let frame = post_frame(u32::try_from(said)? + 3, self.room, &text);
                    self.socket.send(Message::text(frame)).await.context("post")?;
                }
                message = timeout(PATIENCE, self.socket.next()) => {
                    let message = message.context("nothing is heard any more")?.context("the server closed")??;
                    if let Message::Text(text) = message && is_delivery(&text) {
                        let (sent, number) = stamp(&text).context("a message of somebody else")?;
                        heard.push(u32::try_from(began.elapsed().as_micros().saturating_sub(sent))?);
                        own += u64::from(number == self.number);
                    }
                }
            }
        }
        Ok(heard)
    }
}

/// When a message was sent, and by whom.
fn stamp(frame: &str) -> Option<(u128, usize)> {
    let text = frame.split_once("\"text\":\"")?.1;
    Some((text.get(..16)?.parse().ok()?, text.get(17..25)?.parse().ok()?))
}
