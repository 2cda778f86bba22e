//! A web address taken apart: where a request goes, and what must not be logged of it.

use url::Url;

/// Where a request goes.
pub(crate) struct Target {
    name: String,
    port: u16,
    usual_port: bool,
    secure: bool,
    path: String,
}

/// The path is left out: it may be a secret.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Target {
    /// Reads an address; `None` unless it is one of the web, without a name or password in it.
    pub(crate) fn read(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Self {
            name: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            usual_port: url.port().is_none(),
            secure,
            path: format!("{}{query}", url.path()),
        })
    }

    /// Who is there, without the path, which may be a secret.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name without the brackets of an address of version 6.
    pub(super) fn bare_name(&self) -> &str {
        self.name.trim_start_matches('[').trim_end_matches(']')
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is spoken to over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// For the request's line.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// For the header `Host`: the port stands there only if it is not the scheme's own (RFC 9110, 7.2).
    pub(super) fn authority(&self) -> String {
        if self.usual_port { self.name.clone() } else { format!("{}:{}", self.name, self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_targets() {
        for good in ["https://example.org/hook?x=1", "http://127.0.0.1:8080", "https://[::1]:8443/"] {
            assert!(Target::read(good).is_some(), "{good}");
        }
        for bad in ["", "example.org", "file:///etc/passwd", "https://a:b@example.org/", "ftp://example.org"]
        {
            assert!(Target::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_port_is_named_where_it_is_not_the_usual_one() {
        let authority = |url| Target::read(url).unwrap().authority();
        assert_eq!(authority("https://example.org/x"), "example.org");
        assert_eq!(authority("https://example.org:443/x"), "example.org");
        assert_eq!(authority("https://example.org:8443/x"), "example.org:8443");
        assert_eq!(authority("http://[::1]:80/"), "[::1]");
    }

    #[test]
    fn addresses_in_disguise_are_read_as_what_they_are() {
        for disguise in ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/"] {
            assert_eq!(Target::read(disguise).unwrap().name(), "127.0.0.1", "{disguise}");
        }
        assert!(
            !format!("{:?}", Target::read("https://example.org/very-secret").unwrap()).contains("secret")
        );
    }
}
