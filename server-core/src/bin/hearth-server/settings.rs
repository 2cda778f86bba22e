//! What the operator has decided: from the file, the environment and flags, as one checked whole.
//!
//! Refuses what it does not know instead of passing over it, and never prints a secret.

mod error;
mod layers;
mod waiting;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use server_core::{Config, HostKey, IpNet, Limits, PublicName, SecondFactor, TlsFiles};
use tracing_subscriber::filter::Targets;
use zeroize::Zeroizing;

pub(crate) use error::SettingsError;
pub(crate) use layers::{PREFIX, Sources};

/// The documented default, every setting commented out.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

/// What is wrong with a place that is no address and port.
const NO_PLACE: &str =
    "must be an address and a port, like 127.0.0.1:7717 or [::]:7717; names are not looked up";

/// Where a service's file is looked for when none is named.
pub(crate) const USUAL_FILE: &str = "/etc/hearth/server.toml";

/// Everything that can be set; see `default.toml` for what each means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) host: Host,
    pub(crate) listen: Listen,
    pub(crate) sign_in: SignIn,
    pub(crate) tls: Tls,
    pub(crate) acme: Acme,
    pub(crate) outgoing: Outgoing,
    pub(crate) vault: Vault,
    pub(crate) metrics: Metrics,
    pub(crate) admin: Admin,
    pub(crate) snapshots: Snapshots,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) log: Log,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    pub(crate) data_dir: PathBuf,
    pub(crate) name: String,
    pub(crate) announce: bool,
    pub(crate) registration: protocol::Registration,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    #[serde(deserialize_with = "place")]
    pub(crate) address: SocketAddr,
    public_names: Vec<String>,
    allowed_origins: Vec<String>,
    trusted_proxies: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    second_factor: SecondFactor,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    address: String,
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vault {
    pub(crate) key_file: PathBuf,
    #[serde(deserialize_with = "wiped")]
    passphrase: Zeroizing<String>,
}

/// An address to listen on.
fn place<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.trim().parse().map_err(|_| serde::de::Error::custom(NO_PLACE))
}

fn wiped<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// `Debug` shows no key: it is wiped text of a type of its own.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acme {
    names: Vec<String>,
    contact: String,
    directory: String,
    profile: String,
    challenge: Challenge,
    #[serde(deserialize_with = "place")]
    http_address: SocketAddr,
    external_account: String,
    #[serde(deserialize_with = "wiped")]
    external_account_key: Zeroizing<String>,
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("names", &self.names).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Challenge {
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    #[serde(rename = "http-01")]
    Http,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outgoing {
    authorities: PathBuf,
    private_networks: Vec<String>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("key_file", &self.key_file).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    socket: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshots {
    every_hours: u32,
    keep: u32,
}

/// In seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timeouts {
    sign_in: u32,
    heartbeat: u32,
    lease: u32,
    stop: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    filter: String,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Settings, and how to show them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// All settings in force as TOML, secrets masked.
    pub(crate) shown: String,
}

/// Reads `sources` and checks the whole.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, SettingsError> {
    let merged = layers::merge(sources)?;
    let shown = layers::shown(&merged);
    let mut settings: Settings = merged
        .try_into()
        .map_err(|error: toml::de::Error| SettingsError::Value(error.message().trim().to_owned()))?;
    if settings.host.data_dir.as_os_str().is_empty()
        && let Some(folder) = &sources.state_directory
    {
        settings.host.data_dir.clone_from(folder);
    }
    settings.check()?;
    Ok(Loaded { settings, shown })
}

impl Settings {
    fn check(&self) -> Result<(), SettingsError> {
        let timeouts = &self.timeouts;
        for (name, seconds) in
            [("sign_in", timeouts.sign_in), ("heartbeat", timeouts.heartbeat), ("stop", timeouts.stop)]
        {
            if seconds == 0 {
                return Err(SettingsError::Value(format!("timeouts.{name} must be at least 1")));
            }
        }
        if timeouts.lease <= timeouts.heartbeat.saturating_mul(2) {
            return Err(SettingsError::Value(
                "timeouts.lease must be more than two heartbeats, or members would seem to leave all the time".into(),
            ));
        }
        self.log.filter()?;
        if let Some(problem) = self.limits.problem() {
            return Err(SettingsError::Value(problem.into()));
        }
        if self.snapshots.every_hours == 0 {
            return Err(SettingsError::Value(
                "snapshots.every_hours must be at least 1; snapshots.keep = 0 switches snapshots off".into(),
            ));
        }
        if !self.host.name.is_empty() {
            protocol::limits::check_name(&self.host.name)
                .map_err(|problem| SettingsError::Value(format!("host.name {problem}")))?;
        }
        Ok(())
    }

    /// Where the running host hears the operator.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        if self.admin.socket.as_os_str().is_empty() {
            self.host.data_dir.join("admin.sock")
        } else {
            self.admin.socket.clone()
        }
    }

    /// What the library is told.
    pub(crate) fn config(&self) -> Result<Config, SettingsError> {
        if self.host.data_dir.as_os_str().is_empty() {
            return Err(SettingsError::Value(
                "host.data_dir is not set; say by --data-dir where the host's folder is".into(),
            ));
        }
        let mut config = Config::new(&self.host.data_dir, self.listen.address);
        config.name = Some(self.host.name.clone()).filter(|name| !name.is_empty());
        config.announce = self.host.announce;
        config.registration = Some(self.host.registration);
        config.second_factor = self.sign_in.second_factor;
        config.public_names =
            each("listen.public_names", &self.listen.public_names, str::parse::<PublicName>)?;
        config.allowed_origins =
            each("listen.allowed_origins", &self.listen.allowed_origins, server_core::origin)?;
        config.admin_socket = Some(self.admin_socket());
        config.trusted_proxies = ranges("listen.trusted_proxies", &self.listen.trusted_proxies)?;
        config.acme = self.acme.wanted()?;
        config.authorities =
            Some(self.outgoing.authorities.clone()).filter(|path| !path.as_os_str().is_empty());
        config.private_networks = ranges("outgoing.private_networks", &self.outgoing.private_networks)?;
        config.tls = self.tls.files()?;
        config.metrics = self.metrics.address()?;
        config.unlock = self.vault.unlock();
        config.snapshots.every = seconds(self.snapshots.every_hours.saturating_mul(3600));
        config.snapshots.keep = self.snapshots.keep as usize;
        config.limits = self.limits;
        config.timeouts.sign_in = seconds(self.timeouts.sign_in);
        config.timeouts.heartbeat = seconds(self.timeouts.heartbeat);
        config.timeouts.lease = seconds(self.timeouts.lease);
        config.timeouts.stop = seconds(self.timeouts.stop);
        Ok(config)
    }
}

/// The values of a list, each read by itself.
fn each<T, E: std::fmt::Display>(
    setting: &str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, SettingsError> {
    let wrong = |text: &String, problem| SettingsError::Value(format!("{setting}: `{text}` {problem}"));
    texts.iter().map(|text| read(text).map_err(|problem| wrong(text, problem))).collect()
}

/// Addresses and ranges of a setting.
fn ranges(setting: &str, texts: &[String]) -> Result<Vec<IpNet>, SettingsError> {
    each(setting, texts, |text| {
        let text = text.trim();
        let one = text.parse::<IpAddr>().map(IpNet::from).ok();
        one.or_else(|| text.parse().ok()).ok_or("is no address and no range")
    })
}

impl Log {
    /// What is logged.
    pub(crate) fn filter(&self) -> Result<Targets, SettingsError> {
        self.filter.parse::<Targets>().map_err(|error| {
            SettingsError::Value(format!("log.filter: `{}` is no filter: {error}", self.filter))
        })
    }
}

impl Acme {
    fn wanted(&self) -> Result<Option<server_core::Acme>, SettingsError> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let wrong = |problem: String| Err(SettingsError::Value(problem));
        let mut names = Vec::new();
        for name in &self.names {
            let name = name.trim().trim_end_matches('.').to_ascii_lowercase();
            if !is_public_name(&name) {
                return wrong(format!(
                    "acme.names: `{name}` is no name an authority can look at: not an address, not *.local, no `*`"
                ));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !self.directory.starts_with("https://") {
            return wrong("acme.directory must begin with https://".into());
        }
        if self.external_account.is_empty() != self.external_account_key.is_empty() {
            return wrong("acme.external_account and acme.external_account_key belong together".into());
        }
        let said = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let contact = said(&self.contact).map(|text| text.trim_start_matches("mailto:").to_owned());
        if contact.as_ref().is_some_and(|contact| !contact.contains('@') || contact.contains([',', '?'])) {
            return wrong("acme.contact must be one address of electronic mail".into());
        }
        Ok(Some(server_core::Acme {
            names,
            contact,
            directory: self.directory.clone(),
            profile: said(&self.profile),
            challenge: match self.challenge {
                Challenge::TlsAlpn => server_core::AcmeChallenge::TlsAlpn,
                Challenge::Http => server_core::AcmeChallenge::Http(self.http_address),
            },
            external_account: said(&self.external_account)
                .map(|id| server_core::ExternalAccount { id, key: self.external_account_key.clone() }),
        }))
    }
}

/// Whether an authority can give a certificate for a name: dotted, of letters, digits and hyphens (RFC 1123, 2.1).
fn is_public_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_local = [".local", ".localhost", ".internal"].iter().any(|end| name.ends_with(end));
    name.len() <= 253
        && name.contains('.')
        && !is_local
        && name.parse::<IpAddr>().is_err()
        && name.split('.').all(is_label)
}

impl Tls {
    fn files(&self) -> Result<Option<TlsFiles>, SettingsError> {
        let files = TlsFiles { certificate: self.certificate.clone(), key: self.key.clone() };
        match (files.certificate.as_os_str().is_empty(), files.key.as_os_str().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(files)),
            _ => Err(SettingsError::Value(
                "tls.certificate and tls.key belong together: set both or none".into(),
            )),
        }
    }
}

impl Metrics {
    fn address(&self) -> Result<Option<SocketAddr>, SettingsError> {
        if self.address.is_empty() {
            return Ok(None);
        }
        let wrong = |_| SettingsError::Value(format!("metrics.address {NO_PLACE}"));
        self.address.parse().map(Some).map_err(wrong)
    }
}

impl Vault {
    fn unlock(&self) -> HostKey {
        if self.passphrase.is_empty() {
            HostKey::KeyFile(Some(self.key_file.clone()).filter(|path| !path.as_os_str().is_empty()))
        } else {
            HostKey::Passphrase(self.passphrase.clone())
        }
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod tests;
