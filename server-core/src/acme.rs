//! A certificate that browsers accept, had from an authority by the host itself (RFC 8555), and renewed in time.
//!
//! The host serves without one until it comes, and with the old one until the new one stands. Account and keys are
//! kept in the vault and nowhere else. A failure is logged, counted and shown to the operator; it never ends the host.

mod challenges;
mod order;
mod schedule;
mod state;
mod web;

use std::sync::Arc;
use std::time::Duration;

use protocol::UnixMillis;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use vault::rusqlite::Connection;

use crate::config::Acme;
use crate::error::Refusal;
use crate::host::Host;
use crate::store::table::certificates;
use crate::store::{Denied, now, stopping};
use crate::tls::{Certificates, Earned};

pub(crate) use challenges::{ALPN, Challenges};
pub(crate) use state::Keeper;

/// For all of an order: an authority may take minutes to look.
const PATIENCE: Duration = Duration::from_secs(600);

/// Longest sleep without a look at the clock, which may jump when a machine wakes up.
const NAP: Duration = Duration::from_secs(900);

/// Has certificates and renews them until the host stops.
pub(crate) async fn keep(host: Arc<Host>, certificates: Arc<Certificates>) {
    let stop = host.stop.clone();
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = keep_going(&host, &certificates) => {}
    }
}

async fn keep_going(host: &Arc<Host>, certificates: &Arc<Certificates>) {
    let mut wish = None;
    loop {
        let wished = host.live.load().acme.clone();
        if wished != wish {
            take_up(host, certificates, wished.as_deref()).await;
            wish = wished;
        }
        match &wish {
            Some(acme) if host.keeper.is_due(now()) => attempt(host, certificates, acme).await,
            Some(_) => host.keeper.woken(until(host.keeper.next(), now())).await,
            None => host.keeper.woken(NAP).await,
        }
    }
}

fn until(next: UnixMillis, now: UnixMillis) -> Duration {
    let wait = u64::try_from(next.0.saturating_sub(now.0)).unwrap_or(0);
    Duration::from_millis(wait).min(NAP)
}

/// Shows what is held for the names that are wished for now, and plans when to renew it.
async fn take_up(host: &Arc<Host>, certificates: &Certificates, wish: Option<&Acme>) {
    let Some(acme) = wish else {
        certificates.earn(None);
        host.metrics.certificate_ends(None);
        host.keeper.off();
        return;
    };
    let (directory, names) = (acme.directory.clone(), acme.names.clone());
    let held = host.read(move |conn| Ok(certificates::read(conn, &directory, &names)?)).await;
    let earned = held.ok().flatten().and_then(|row| Earned::read(&row.chain, &row.private_key).ok());
    let earned = earned.filter(|earned| earned.is_for(&acme.names));
    show(host, certificates, acme, earned);
}

fn show(host: &Host, certificates: &Certificates, acme: &Acme, earned: Option<Earned>) {
    let life = earned.as_ref().map(Earned::life);
    certificates.earn(earned);
    let next = life.map_or(UnixMillis(0), |life| schedule::renewal(life, host.identity.id()));
    host.keeper.holds(acme.names.clone(), life.map(|(_, ends)| ends), next);
    host.metrics.certificate_ends(life.map(|(_, ends)| ends));
}

async fn attempt(host: &Arc<Host>, certificates: &Arc<Certificates>, acme: &Acme) {
    let ordered = timeout(PATIENCE, Box::pin(order::place(host, certificates, acme))).await;
    certificates.challenges.clear();
    let outcome = match ordered {
        Ok(Ok(row)) => take(host, acme, row).await,
        Ok(Err(problem)) => Err(problem.to_string()),
        Err(_) => Err("the authority did not come to an end in time".to_owned()),
    };
    match outcome {
        Ok(earned) => {
            tracing::info!(names = ?acme.names, ends = %earned.life().1.0, "there is a new certificate");
            show(host, certificates, acme, Some(earned));
        }
        Err(problem) => {
            host.metrics.certificate_failed();
            let next = host.keeper.failed(&problem, now());
            tracing::error!(names = ?acme.names, problem, again_in_s = (next.0 - now().0) / 1000, "no certificate could be had");
        }
    }
    // Whatever the clock says, an authority is never asked in a tight loop.
    sleep(Duration::from_secs(1)).await;
}

/// Looks at what the authority has given, and stores it before it is shown to anyone.
async fn take(host: &Host, acme: &Acme, row: certificates::Row) -> Result<Earned, String> {
    let earned = Earned::read(&row.chain, &row.private_key).map_err(|problem| problem.to_string())?;
    if !earned.is_for(&acme.names) {
        return Err("the certificate is not for all of the names".to_owned());
    }
    if earned.life().1 <= now() {
        return Err("the certificate has ended already; is this machine's clock right?".to_owned());
    }
    let (directory, names) = (acme.directory.clone(), acme.names.clone());
    write(host, move |conn| Ok(certificates::set(conn, (&directory, &names), &row, now())?))
        .await
        .map_err(|refusal| refusal.message)?;
    Ok(earned)
}

async fn write<W>(host: &Host, work: W) -> Result<(), Refusal>
where
    W: FnOnce(&Connection) -> Result<(), Denied> + Send + 'static,
{
    let (done, noted) = oneshot::channel();
    host.committer.commit(work, move |made, _| drop(done.send(made))).await?;
    noted.await.unwrap_or_else(|_| Err(stopping()))
}
