//! Figures about a running host for Prometheus, on an address of their own.
//!
//! Counts and times only: no name, no id and no text becomes a label. Without an address, nothing is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header;
use axum::routing::get;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use protocol::{ErrorCode, UnixMillis};
use tokio::net::TcpListener;
use vault::Health;

use crate::host::Host;
use crate::http;

/// Commit times that are told apart, in seconds: an fsync takes from a tenth of a millisecond to a bad disk's second.
const COMMIT_SECONDS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// How often samples are put into their buckets even if nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

const META: Metadata<'_> = Metadata::new("hearth", Level::INFO, None);

/// What is counted while the host runs.
pub(crate) struct Metrics {
    recorder: Option<(PrometheusHandle, PrometheusRecorder)>,
    pub(crate) connections: Gauge,
    pub(crate) requests: Counter,
    pub(crate) hashes: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    certificate_failures: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("on", &self.recorder.is_some()).finish()
    }
}

impl Metrics {
    /// Measures if `on`; else every count is forgotten at once.
    pub(crate) fn new(on: bool) -> Arc<Self> {
        let buckets = PrometheusBuilder::new().set_buckets(&COMMIT_SECONDS).expect("the list is not empty");
        if !on {
            return Arc::new(Self {
                recorder: None,
                connections: Gauge::noop(),
                requests: Counter::noop(),
                hashes: Counter::noop(),
                commits: Counter::noop(),
                commit_seconds: Histogram::noop(),
                certificate_failures: Counter::noop(),
            });
        }
        let recorder = buckets.build_recorder();
        let describe = |name: &'static str, what: &'static str| (KeyName::from_const_str(name), what.into());
        for (name, what) in [
            describe("hearth_requests_total", "Requests of signed-in connections."),
            describe(
                "hearth_password_hashes_total",
                "Passwords hashed or compared, each as slow as the others.",
            ),
            describe("hearth_commits_total", "Writes that are on disk."),
            describe("hearth_refusals_total", "Refused requests, by code."),
            describe(
                "hearth_certificate_failures_total",
                "Attempts to have a certificate that came to nothing.",
            ),
        ] {
            recorder.describe_counter(name, None, what);
        }
        for (name, what) in [
            describe("hearth_connections", "WebSocket connections, signed in or not."),
            describe("hearth_members_online", "Members with a signed-in connection."),
            describe(
                "hearth_certificate_expiry_timestamp_seconds",
                "When the authority's certificate ends, in seconds since 1970; absent without one.",
            ),
            describe("hearth_writable", "1 while messages are taken, 0 when the disk is full or has failed."),
        ] {
            recorder.describe_gauge(name, None, what);
        }
        let (name, what) = describe("hearth_commit_seconds", "From asking for a write to its being on disk.");
        recorder.describe_histogram(name, None, what);
        Arc::new(Self {
            connections: recorder.register_gauge(&Key::from_static_name("hearth_connections"), &META),
            requests: recorder.register_counter(&Key::from_static_name("hearth_requests_total"), &META),
            certificate_failures: recorder
                .register_counter(&Key::from_static_name("hearth_certificate_failures_total"), &META),
            hashes: recorder.register_counter(&Key::from_static_name("hearth_password_hashes_total"), &META),
            commits: recorder.register_counter(&Key::from_static_name("hearth_commits_total"), &META),
            commit_seconds: recorder
                .register_histogram(&Key::from_static_name("hearth_commit_seconds"), &META),
            recorder: Some((recorder.handle(), recorder)),
        })
    }

    /// A write asked for at `since` is on disk.
    pub(crate) fn committed(&self, since: Instant) {
        self.commits.increment(1);
        self.commit_seconds.record(since.elapsed());
    }

    /// An attempt to have a certificate came to nothing.
    pub(crate) fn certificate_failed(&self) {
        self.certificate_failures.increment(1);
    }

    /// The authority's certificate in use ends then; without one, what was told before does not count any more.
    pub(crate) fn certificate_ends(&self, ends: Option<UnixMillis>) {
        let Some((_, recorder)) = &self.recorder else { return };
        let key = Key::from_static_name("hearth_certificate_expiry_timestamp_seconds");
        // Seconds since 1970 are far below 2^53.
        let ends = ends.map_or(f64::NAN, |ends| (ends.0 / 1000) as f64);
        recorder.register_gauge(&key, &META).set(ends);
    }

    /// A request was refused.
    pub(crate) fn refused(&self, code: ErrorCode) {
        let Some((_, recorder)) = &self.recorder else { return };
        let code = serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned));
        let label = Label::new("code", code.unwrap_or_default());
        recorder.register_counter(&Key::from_parts("hearth_refusals_total", vec![label]), &META).increment(1);
    }
}

/// Opens the address for scrapes.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers scrapes until the host stops.
pub(crate) async fn serve(listener: TcpListener, host: Arc<Host>) {
    let stop = host.stop.clone();
    let router = http::figures(&host, get(scrape));
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let upkeep = async {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            if let Some((handle, _)) = &host.metrics.recorder {
                handle.run_upkeep();
            }
        }
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::warn!(%error, "metrics are no longer served");
        },
        () = upkeep => {}
    }
}

async fn scrape(State(host): State<Arc<Host>>) -> ([(header::HeaderName, &'static str); 1], String) {
    let Some((handle, recorder)) = &host.metrics.recorder else {
        return ([(header::CONTENT_TYPE, "text/plain")], String::new());
    };
    let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &META);
    let online = *host.hub.watch_online().borrow();
    gauge("hearth_members_online").set(u32::try_from(online).unwrap_or(u32::MAX));
    gauge("hearth_writable").set(u32::from(matches!(host.vault.health(), Health::Writable)));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}
