//! Reaching a host at any of its addresses, all tried at once: the first that proves its key wins.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::link::{DialError, Link};
use crate::address::Address;
use crate::error::ConnectError;
use crate::trust::{Expectation, moved_to};

/// A name server that takes longer is as good as none.
const LOOKUP: Duration = Duration::from_secs(5);
/// Most socket addresses tried of one name.
const PER_NAME: usize = 4;

/// Most notes of a moved host followed in a row: each move leaves one, a circle never ends.
const MOVES: usize = 4;

/// Dials all `addresses`, and follows a host that has moved to where its signed notes say.
pub(crate) async fn dial(addresses: &[Address], expectation: &Expectation) -> Result<Link, ConnectError> {
    let mut link = reach(addresses, expectation).await?;
    for _ in 0..MOVES {
        let Some(there) = moved_to(&link.welcome) else { return Ok(link) };
        let there: Vec<_> = there.iter().filter_map(|text| Address::parse(text)).collect();
        let expectation = Expectation::Exactly(link.welcome.host.id.clone());
        link.close().await;
        link = Box::pin(reach(&there, &expectation)).await?;
    }
    Err(ConnectError::NoAnswer { tried: addresses.iter().map(Address::to_string).collect() })
}

/// Dials all `addresses` in parallel. Nothing secret is sent: that is for whoever gets the link.
async fn reach(addresses: &[Address], expectation: &Expectation) -> Result<Link, ConnectError> {
    let mut tries = JoinSet::new();
    for address in addresses {
        let (address, expectation) = (address.clone(), expectation.clone());
        tries.spawn(async move {
            let link = Box::pin(dial_one(&address, &expectation)).await;
            (address, link)
        });
    }
    let mut failures = Vec::new();
    while let Some(tried) = tries.join_next().await {
        match tried {
            // Dropping the set ends the other tries.
            Ok((_, Ok(link))) => return Ok(link),
            Ok((address, Err(error))) => failures.push((address, error)),
            Err(_) => {}
        }
    }
    Err(worst(addresses, failures))
}

async fn dial_one(address: &Address, expectation: &Expectation) -> Result<Link, DialError> {
    let mut failure = DialError::NoAnswer;
    let mut tries = JoinSet::new();
    for socket in lookup(address).await {
        let (address, expectation) = (address.clone(), expectation.clone());
        tries.spawn(async move { Link::open(&address, socket, &expectation).await });
    }
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok(Ok(link)) => return Ok(link),
            Ok(Err(error)) if weight(&error) >= weight(&failure) => failure = error,
            _ => {}
        }
    }
    Err(failure)
}

async fn lookup(address: &Address) -> Vec<SocketAddr> {
    if let Ok(socket) = address.to_string().parse() {
        return vec![socket];
    }
    match timeout(LOOKUP, tokio::net::lookup_host((address.host.as_str(), address.port))).await {
        Ok(Ok(found)) => found.take(PER_NAME).collect(),
        _ => Vec::new(),
    }
}

/// How much a failure tells; the most telling one is shown.
const fn weight(error: &DialError) -> u8 {
    match error {
        DialError::NoAnswer => 0,
        DialError::NotAHost => 1,
        DialError::Busy => 2,
        DialError::Version => 3,
        DialError::NotProven => 4,
        DialError::OtherKey { .. } => 5,
    }
}

fn worst(addresses: &[Address], failures: Vec<(Address, DialError)>) -> ConnectError {
    let worst = failures.into_iter().max_by_key(|(_, error)| weight(error));
    match worst {
        Some((_, DialError::OtherKey { expected, found })) => ConnectError::KeyChanged { expected, found },
        Some((address, DialError::NotProven)) => ConnectError::NotProven(address.to_string()),
        Some((_, DialError::Version)) => ConnectError::Version,
        Some((address, DialError::NotAHost)) => ConnectError::NotAHost(address.to_string()),
        _ => ConnectError::NoAnswer { tried: addresses.iter().map(Address::to_string).collect() },
    }
}
