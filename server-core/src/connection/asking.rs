//! What a connection asks for: a request is paid for, then taken in hand, as far as its peer has come.
//!
//! Refuses to wait for what it takes in hand: that comes back as a future for the actor to finish.

use std::sync::Arc;
use std::time::Duration;

use protocol::{ErrorCode, MemberId, Reply, Request};

use super::{Connection, Pending, Standing};
use crate::admission::{Claim, sign_in, welcome};
use crate::budget::{Overdrawn, Payer};
use crate::dispatch::{dispatch, out_of_order};
use crate::error::Refusal;
use crate::handler::Caller;
use crate::handler::pass::Pass;

impl Connection {
    /// Takes what a frame costs; whoever asks on and on without it is sent away.
    pub(super) fn spend(&mut self, request: &Request, bytes: usize) -> Result<(), Refusal> {
        let payer = Payer { source: self.peer.address.into(), member: self.member() };
        let Some(budget) = &mut self.budget else { return Ok(()) };
        let limits = self.host.limits();
        let now = std::time::Instant::now();
        match self.host.budgets.spend(&limits, (budget, payer), (request, bytes), now) {
            Ok(()) => Ok(()),
            Err(Overdrawn::Wait(wait)) => Err(Refusal::wait(wait)),
            Err(Overdrawn::Abusive) => {
                self.send_away();
                Err(Refusal::wait(Duration::from_secs(limits.exile_seconds.into())))
            }
        }
    }

    pub(super) fn member(&self) -> Option<MemberId> {
        match &self.standing {
            Standing::Member(admission) => Some(admission.member),
            _ => None,
        }
    }

    pub(super) fn take(&mut self, req: u32, request: Request) -> Option<Pending> {
        match (&self.standing, request) {
            (Standing::Member(admission), request) => {
                let caller = Caller {
                    host: Arc::clone(&self.host),
                    outlet: Arc::clone(&self.line.outlet),
                    connection: admission.seat.id(),
                    member: admission.member,
                    pass: Pass::Session(admission.device),
                    aside: admission.seat.is_aside(),
                };
                return Some(Box::pin(async move {
                    dispatch(caller, req, request).await;
                    None
                }));
            }
            (_, Request::Ping) => self.line.outlet.answer(req, Ok(Reply::Pong)),
            (Standing::Stranger, Request::Hello { nonce, client }) => {
                tracing::debug!(client = client.name.len(), "hello");
                let answer = welcome(&self.host, self.peer, &nonce);
                if answer.is_ok() {
                    self.standing = Standing::Greeted;
                }
                self.line.outlet.answer(req, answer);
            }
            (Standing::Greeted, Request::SignIn { by, device, session, code }) => {
                let (host, outlet, peer) = (Arc::clone(&self.host), Arc::clone(&self.line.outlet), self.peer);
                return Some(Box::pin(async move {
                    let claim = Claim { by, device, session, code };
                    let entered = sign_in(host, peer, outlet, req, claim).await;
                    Some(entered.map_err(|refusal| (req, refusal)))
                }));
            }
            (Standing::Greeted, Request::Hello { .. }) => self.line.outlet.answer(req, Err(out_of_order())),
            _ => {
                let refusal = Refusal::new(ErrorCode::NotSignedIn, "say hello and sign in first");
                self.line.outlet.answer(req, Err(refusal));
            }
        }
        None
    }
}
