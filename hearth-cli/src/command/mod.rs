//! The commands, and what they share: which host, which room, and bounded waiting for the connection.

mod account;
mod discover;
mod join;
mod post;
mod rooms;
mod second_factor;
mod send_stream;
mod status;
mod tail;

use std::time::Duration;

use client_core::{Client, ConnectionState, Profile, RoomSummary};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::arguments::{Arguments, Command, ProfileArguments};
use crate::failure::Failure;
use crate::opening;

/// How long a finished command waits for its client to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// Runs one command to its end. The profile is opened here, outside of the runtime: it blocks.
pub(crate) fn run(runtime: &Runtime, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { profile: options, command } = arguments;
    let profile = match &command {
        Command::Discover { seconds, json } => return runtime.block_on(discover::discover(*seconds, *json)),
        Command::Join(arguments) => {
            join::check(arguments)?;
            opening::open_or_create(&options)?
        }
        _ => opening::open(&options)?,
    };
    runtime.block_on(async {
        let done = Box::pin(with_profile(&profile, &options, command)).await;
        // What is not delivered waits in the outbox; nothing is lost by not waiting longer.
        let _ = timeout(GOODBYE, profile.stop()).await;
        done
    })
}

async fn with_profile(
    profile: &Profile,
    options: &ProfileArguments,
    command: Command,
) -> Result<(), Failure> {
    let within = Duration::from_secs(options.timeout);
    match command {
        Command::Discover { .. } => return Ok(()),
        Command::Join(arguments) => return join::join(profile, arguments).await,
        Command::Status { json } => return status::status(profile, within, json).await,
        _ => {}
    }
    let client = one_client(profile, options.host.as_deref()).await?;
    match command {
        Command::Rooms { json } => rooms::list(&client, within, json).await,
        Command::CreateRoom { name, topic, private, json } => {
            rooms::create(&client, within, &name, &topic, private, json).await
        }
        Command::JoinRoom { room } => rooms::join(&client, within, &room).await,
        Command::Post { room, text, no_wait, json } => {
            post::post(&client, within, &room, text, no_wait, json).await
        }
        Command::Tail { room, from, json } => tail::tail(&client, within, room.as_deref(), from, json).await,
        Command::History { room, limit, json } => tail::history(&client, within, &room, limit, json).await,
        Command::SendStream { room } => send_stream::send_stream(&client, within, &room).await,
        Command::Invite { role, uses, days, json } => {
            rooms::invite(&client, within, role.into(), uses, days, json).await
        }
        Command::Profile(change) => account::profile(&client, within, change).await,
        Command::Avatar(command) => account::avatar(&client, within, command).await,
        Command::Password(arguments) => second_factor::password(&client, within, arguments).await,
        Command::SecondFactor(command) => second_factor::second_factor(&client, within, command).await,
        Command::Discover { .. } | Command::Join(_) | Command::Status { .. } => Ok(()),
    }
}

/// The client of the one host that is meant.
async fn one_client(profile: &Profile, wanted: Option<&str>) -> Result<Client, Failure> {
    let hosts = profile.hosts().await?;
    let mut meant = hosts.iter().filter(|host| match wanted {
        None => true,
        Some(wanted) => {
            host.name == wanted || host.id.to_string().starts_with(wanted) || host.words == wanted
        }
    });
    let (first, second) = (meant.next(), meant.next());
    match (first, second) {
        (Some(host), None) => {
            let id = host.id.clone();
            profile.start().await?;
            profile.client(&id).ok_or_else(|| Failure::Failed("the host could not be opened".to_owned()))
        }
        (None, _) if hosts.is_empty() => {
            Err(Failure::Failed("no host was joined yet; start with: hearth-cli join LINK".to_owned()))
        }
        (None, _) => {
            Err(Failure::Usage("no known host has this name or id; see: hearth-cli status".to_owned()))
        }
        (Some(_), Some(_)) => {
            let names: Vec<_> = hosts.iter().map(|host| crate::output::plain(&host.name)).collect();
            Err(Failure::Usage(format!(
                "several hosts are known ({}); say which with --host",
                names.join(", ")
            )))
        }
    }
}

/// Waits until everything can be asked.
async fn live(client: &Client, within: Duration) -> Result<(), Failure> {
    connected(client, within).await?;
    if client.second_factor_missing() {
        return Err(second_factor_missing());
    }
    Ok(())
}

/// Waits until there is a connection, and be it one for setting up a second factor only.
async fn connected(client: &Client, within: Duration) -> Result<(), Failure> {
    use ConnectionState::{Live, Stopped};
    reach(client, within, |state| matches!(state, Live | Stopped { .. })).await
}

fn second_factor_missing() -> Failure {
    Failure::Failed(
        "this host asks you for a second factor first: hearth-cli second-factor begin --password-file FILE"
            .to_owned(),
    )
}

/// Waits until requests can be made or one try has failed: for what can be shown without the host too.
async fn tried(client: &Client, within: Duration) -> Result<(), Failure> {
    use ConnectionState::{Dialling, SigningIn};
    reach(client, within, |state| !matches!(state, Dialling | SigningIn)).await
}

async fn reach(
    client: &Client,
    within: Duration,
    settled: impl FnMut(&ConnectionState) -> bool,
) -> Result<(), Failure> {
    let mut state = client.state();
    let last = match timeout(within, state.wait_for(settled)).await {
        Ok(Ok(state)) => state.clone(),
        _ => client.state().borrow().clone(),
    };
    match last {
        ConnectionState::Live => Ok(()),
        ConnectionState::Stopped { reason } => Err(Failure::Failed(reason.to_string())),
        ConnectionState::Waiting { reason, .. } => Err(Failure::Failed(format!(
            "{reason}; check that the host is running and that this computer can reach it"
        ))),
        ConnectionState::Dialling | ConnectionState::SigningIn => Err(Failure::Failed(
            "the host did not answer in time; check that it is running, or give a longer --timeout"
                .to_owned(),
        )),
    }
}

/// The room that is meant, by id or by name with or without the `#`.
async fn one_room(client: &Client, wanted: &str) -> Result<RoomSummary, Failure> {
    let rooms = client.rooms().await?;
    let name = wanted.strip_prefix('#').unwrap_or(wanted);
    let by_id = rooms.iter().find(|room| room.id.to_string() == wanted);
    let mut by_name = rooms.iter().filter(|room| room.name.eq_ignore_ascii_case(name) || room.name == name);
    match (by_id, by_name.next(), by_name.next()) {
        (Some(room), ..) | (None, Some(room), None) => Ok(room.clone()),
        (None, None, _) => Err(Failure::Failed(format!(
            "you are in no room named \"{name}\"; see: hearth-cli rooms, or join it with: hearth-cli join-room"
        ))),
        (None, Some(_), Some(_)) => {
            Err(Failure::Usage(format!("several rooms are named \"{name}\"; say the room's id instead")))
        }
    }
}

/// The room that is meant; one that is not known here yet may be known to the host.
async fn one_room_now(client: &Client, wanted: &str, within: Duration) -> Result<RoomSummary, Failure> {
    match one_room(client, wanted).await {
        Err(Failure::Failed(_)) => {
            live(client, within).await?;
            one_room(client, wanted).await
        }
        room => room,
    }
}
