//! Requests of programs that have no connection: the same handlers and the same permission function, one answer.

use std::sync::Arc;

use protocol::{MemberId, Reply, Request, decode_server};

use super::Caller;
use super::pass::Pass;
use crate::dispatch::dispatch;
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::Outlet;
use crate::hub::frame::text_of;
use crate::hub::outlet::Next;
use crate::hub::state::ConnectionId;
use crate::store::stopping;

/// No connection has this number.
const NOWHERE: ConnectionId = ConnectionId(0);

/// Asks `request` as `member`, who was let in by `pass` a moment ago.
pub(crate) async fn ask(
    host: &Arc<Host>,
    (member, pass): (MemberId, Pass),
    request: Request,
) -> Result<Reply, Refusal> {
    if host.moved.load().is_some() {
        return Err(stopping());
    }
    let outlet = Arc::new(Outlet::new(host.live.load().limits.queue_bytes, None));
    let caller = Caller {
        host: Arc::clone(host),
        outlet: Arc::clone(&outlet),
        connection: NOWHERE,
        member,
        pass,
        // Programs have tokens, and no password that something could stand beside.
        aside: false,
    };
    dispatch(caller, 1, request).await;
    let answered = tokio::time::timeout(host.config.timeouts.lease, outlet.next()).await;
    let Ok(Next::Write) = answered else { return Err(stopping()) };
    let mut written = Vec::new();
    // Memory takes all of it at once.
    let _ = std::future::poll_fn(|cx| outlet.poll_write_out(cx, &mut written)).await;
    let reply = text_of(&written).and_then(|text| decode_server(text).ok()).map(|frame| frame.reply);
    match reply.ok_or_else(Refusal::internal)? {
        Reply::Error(failure) => Err(Refusal {
            code: failure.code,
            message: failure.message,
            retry_after_ms: failure.retry_after_ms,
        }),
        reply => Ok(reply),
    }
}
