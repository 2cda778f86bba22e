//! The one owner of a host's socket: an actor with one method per state.
//!
//! Dialling, signing in, live, waiting, stopped; each method returns the next. It alone sends and hears, so that nothing
//! else needs a lock. It refuses to sign in anywhere but on a [`link::Link`], which exists only for a proven key.

pub(crate) mod backoff;
pub(crate) mod dial;
pub(crate) mod link;
mod live;
pub(crate) mod state;
mod tls;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::close::{AfterClose, after_close};
use protocol::limits::SIGN_IN_MS;
use protocol::{CloseCode, ErrorCode, Failure, Reply, Request, Secret, SignIn, SignedIn};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::address::Address;
use crate::client::Shared;
use crate::error::{ConnectError, RequestError};
use crate::store::table::hosts;
use crate::trust::Expectation;
use backoff::{Backoff, jitter};
use link::{Ended, Link};
use state::{ConnectionState, StopReason, WaitReason};

/// A request of this client's user, and where its answer goes.
pub(crate) struct Ask {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Result<Reply, RequestError>>,
}

/// What happens next.
enum Step {
    Dial,
    SignIn(Box<Link>),
    Live(Box<Link>, Box<SignedIn>),
    Wait { at_least: Duration, reason: WaitReason },
    Stop(StopReason),
    End,
}

/// The actor.
pub(crate) struct Actor {
    shared: Arc<Shared>,
    asks: mpsc::Receiver<Ask>,
    backoff: Backoff,
}

impl Actor {
    pub(crate) fn new(shared: Arc<Shared>, asks: mpsc::Receiver<Ask>) -> Self {
        Self { shared, asks, backoff: Backoff::default() }
    }

    /// Runs until the client is closed; `joined` is a link that has just signed in.
    pub(crate) async fn run(mut self, joined: Option<(Link, SignedIn)>) {
        let mut step = match joined {
            Some((link, signed_in)) => Step::Live(Box::new(link), Box::new(signed_in)),
            None => Step::Dial,
        };
        loop {
            step = match step {
                Step::Dial => self.dial().await,
                Step::SignIn(link) => self.sign_in(link).await,
                Step::Live(link, signed_in) => self.live(link, signed_in).await,
                Step::Wait { at_least, reason } => self.wait(at_least, reason).await,
                Step::Stop(reason) => self.stopped(reason).await,
                Step::End => break,
            };
        }
        self.shared.enter(ConnectionState::Stopped { reason: StopReason::Closed });
    }

    async fn dial(&mut self) -> Step {
        self.shared.enter(ConnectionState::Dialling);
        let shared = Arc::clone(&self.shared);
        let dialled = self.meanwhile(async move {
            let addresses = shared.store.read(hosts::addresses).await?;
            let addresses: Vec<_> = addresses.iter().filter_map(|text| Address::parse(text)).collect();
            let expectation = Expectation::Exactly(shared.store.id.clone());
            let dialled = Box::pin(dial::dial(&addresses, &expectation)).await;
            if let Ok(link) = &dialled
                && !addresses.contains(&link.address)
            {
                // It has moved: next time this is where to begin.
                let there = vec![link.address.to_string()];
                shared.store.write(move |connection, host| hosts::learn(connection, host, &there)).await?;
            }
            Ok::<_, crate::error::StoreError>(dialled)
        });
        match dialled.await {
            None => Step::End,
            Some(Err(error)) => wait(WaitReason::Storage(error.to_string())),
            Some(Ok(Ok(link))) => Step::SignIn(Box::new(link)),
            Some(Ok(Err(ConnectError::KeyChanged { expected, found }))) => {
                Step::Stop(StopReason::KeyChanged { expected, found })
            }
            Some(Ok(Err(ConnectError::Version))) => Step::Stop(StopReason::Version),
            Some(Ok(Err(_))) => wait(WaitReason::NoAnswer),
        }
    }

    async fn sign_in(&mut self, mut link: Box<Link>) -> Step {
        self.shared.enter(ConnectionState::SigningIn);
        let shared = Arc::clone(&self.shared);
        let signed = self.meanwhile(async move {
            let token = match shared.secrets.get(&shared.store).await {
                Ok(Some(token)) => token,
                Ok(None) => return Step::Stop(StopReason::SessionEnded),
                Err(error) => return wait(WaitReason::Keyring(error.to_string())),
            };
            let by = SignIn::Session { token };
            match sign_in(&mut link, (by, None), shared.device.clone(), None).await {
                Ok(Ok(signed_in)) => Step::Live(link, Box::new(signed_in)),
                Ok(Err(failure)) => after_refusal(failure),
                Err(ended) => after_end(&ended),
            }
        });
        signed.await.unwrap_or(Step::End)
    }

    async fn live(&mut self, link: Box<Link>, signed_in: Box<SignedIn>) -> Step {
        let since = Instant::now();
        self.shared.enter(ConnectionState::SigningIn);
        let ended = Box::pin(live::live(&self.shared, &mut self.asks, link, signed_in)).await;
        self.backoff.lived(since.elapsed());
        self.shared.nobody_online();
        match ended {
            live::End::Closed => Step::End,
            live::End::SignedOut => Step::Stop(StopReason::SignedOut),
            live::End::Storage(error) => wait(WaitReason::Storage(error)),
            live::End::Link(ended) => after_end(&ended),
        }
    }

    async fn wait(&mut self, at_least: Duration, reason: WaitReason) -> Step {
        let delay = self.backoff.next(jitter()).max(at_least);
        let retry_at_ms = now_ms().saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
        self.shared.enter(ConnectionState::Waiting { retry_at_ms, reason });
        let shared = Arc::clone(&self.shared);
        let waited = self.meanwhile(async move {
            tokio::select! {
                () = shared.retry.notified() => true,
                () = sleep(delay) => false,
            }
        });
        match waited.await {
            None => Step::End,
            Some(asked) => {
                if asked {
                    self.backoff.reset();
                }
                Step::Dial
            }
        }
    }

    async fn stopped(&mut self, reason: StopReason) -> Step {
        let again = matches!(reason, StopReason::KeyChanged { .. } | StopReason::Version);
        self.shared.enter(ConnectionState::Stopped { reason });
        let shared = Arc::clone(&self.shared);
        let waited = self.meanwhile(async move {
            loop {
                shared.retry.notified().await;
                // The pin stays: trying again can only find the right host, or stop here again.
                if again {
                    break;
                }
            }
        });
        waited.await.map_or(Step::End, |()| Step::Dial)
    }

    /// Does `work`, refusing what is asked meanwhile; `None` when the client is closed.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return None,
                Some(ask) = self.asks.recv() => drop(ask.answer.send(Err(RequestError::NotConnected))),
                done = &mut work => return Some(done),
            }
        }
    }
}

/// Signs in on a verified link. What is pushed before the answer can't be: the host pushes after it.
pub(crate) async fn sign_in(
    link: &mut Link,
    (by, code): (SignIn, Option<Secret>),
    device: String,
    session: Option<Secret>,
) -> Result<Result<SignedIn, Failure>, Ended> {
    let answered = async {
        let req = link.say(Request::SignIn { by, device, session, code }).await?;
        loop {
            let frame = link.hear().await?;
            match (frame.req, frame.reply) {
                (Some(answer), Reply::SignedIn(signed_in)) if answer == req => return Ok(Ok(signed_in)),
                (Some(answer), Reply::Error(failure)) if answer == req => return Ok(Err(failure)),
                _ => {}
            }
        }
    };
    timeout(Duration::from_millis(u64::from(SIGN_IN_MS)), answered).await.unwrap_or(Err(Ended::Lost))
}

fn wait(reason: WaitReason) -> Step {
    Step::Wait { at_least: Duration::ZERO, reason }
}

fn after_refusal(failure: Failure) -> Step {
    match failure.code {
        ErrorCode::SessionEnded | ErrorCode::WrongCredentials => Step::Stop(StopReason::SessionEnded),
        _ => Step::Wait {
            at_least: Duration::from_millis(u64::from(failure.retry_after_ms.unwrap_or_default())),
            reason: WaitReason::Busy(failure.message),
        },
    }
}

fn after_end(ended: &Ended) -> Step {
    let Ended::Closed(code) = *ended else {
        return wait(WaitReason::Lost);
    };
    match after_close(code) {
        AfterClose::ComeBack if code == CloseCode::ComeBack.code() => wait(WaitReason::HostStopping),
        AfterClose::ComeBack | AfterClose::Resync => wait(WaitReason::Lost),
        AfterClose::StayAway if code == CloseCode::SessionEnded.code() => {
            Step::Stop(StopReason::SessionEnded)
        }
        AfterClose::StayAway if code == CloseCode::Version.code() => Step::Stop(StopReason::Version),
        AfterClose::StayAway => Step::Stop(StopReason::SentAway { code }),
    }
}

/// This computer's clock: for labels and for showing when the next try is.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}
