//! Invite links: `hearth://join/<host id>?a=<address>…&t=<token>`, and the twin for browsers,
//! `https://<address>/join/<host id>#t=<token>` (behind `#`, so that no server or proxy logs the secret).

use thiserror::Error;
use url::Url;

use crate::ids::HostId;
use crate::redacted::Secret;

/// What an invite link says. It only ever asks; nothing happens without a person's yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// Which host it must be; the first contact is verified by it.
    pub host: HostId,
    /// Where to try, `name:port` or `ip:port`, best first.
    pub addresses: Vec<String>,
    /// The secret. Only its hash is stored by the host.
    pub token: Secret,
}

/// Why a text is no invite link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InviteLinkError {
    /// Not `hearth://join/…` nor `http(s)://…/join/…`.
    #[error("this is not an invite link: it should start with hearth://join/ or https://")]
    NotAnInvite,
    /// The host id is missing or cut.
    #[error("the link is damaged: its host id is not complete, ask for it again")]
    Host,
    /// No usable address.
    #[error("the link names no address, ask for a new one")]
    Address,
    /// No token.
    #[error("the link is damaged: its end is missing, ask for it again")]
    Token,
}

/// Most addresses a link may name.
pub const ADDRESSES: usize = 8;

impl InviteLink {
    /// The link for the app.
    #[must_use]
    pub fn to_app_link(&self) -> String {
        let addresses = self.addresses.iter().map(|address| format!("a={address}&")).collect::<String>();
        format!("hearth://join/{}?{addresses}t={}", self.host, self.token.0)
    }

    /// The twin for a browser, by the address at `index`.
    #[must_use]
    pub fn to_web_link(&self, scheme: &str, address: &str) -> String {
        format!("{scheme}://{address}/join/{}#t={}", self.host, self.token.0)
    }

    /// Reads either form.
    ///
    /// # Errors
    /// [`InviteLinkError`] says which part is missing.
    pub fn parse(text: &str) -> Result<Self, InviteLinkError> {
        let url = Url::parse(text.trim()).map_err(|_| InviteLinkError::NotAnInvite)?;
        match url.scheme() {
            "hearth" if url.host_str() == Some("join") => Self::from_app(&url),
            "https" | "http" => Self::from_web(&url),
            _ => Err(InviteLinkError::NotAnInvite),
        }
    }

    fn from_app(url: &Url) -> Result<Self, InviteLinkError> {
        let host = url.path().trim_matches('/').parse().map_err(|_| InviteLinkError::Host)?;
        let values = |key: &'static str| url.query_pairs().filter(move |(name, _)| name == key);
        let addresses: Vec<String> = values("a")
            .map(|(_, value)| value.into_owned())
            .filter(|address| is_address(address))
            .take(ADDRESSES)
            .collect();
        let token = values("t").map(|(_, value)| value.into_owned()).next();
        Self::checked(host, addresses, token)
    }

    fn from_web(url: &Url) -> Result<Self, InviteLinkError> {
        let id = url.path().strip_prefix("/join/").ok_or(InviteLinkError::NotAnInvite)?;
        let host = id.trim_end_matches('/').parse().map_err(|_| InviteLinkError::Host)?;
        let name = url.host_str().ok_or(InviteLinkError::Address)?;
        let port = url.port_or_known_default().ok_or(InviteLinkError::Address)?;
        let token = url.fragment().and_then(|fragment| fragment.strip_prefix("t=")).map(str::to_owned);
        Self::checked(host, vec![format!("{name}:{port}")], token)
    }

    fn checked(host: HostId, addresses: Vec<String>, token: Option<String>) -> Result<Self, InviteLinkError> {
        // What could not be written into a link again would be lost on the way to the next device.
        if addresses.is_empty() || !addresses.iter().all(|address| is_address(address)) {
            return Err(InviteLinkError::Address);
        }
        let token = token.filter(|token| is_token(token)).ok_or(InviteLinkError::Token)?;
        Ok(Self { host, addresses, token: Secret(token) })
    }
}

fn is_token(token: &str) -> bool {
    token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a text can be an address in a link.
#[must_use]
pub fn is_address(address: &str) -> bool {
    !address.is_empty()
        && address.len() <= 260
        && address.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'[' | b']')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link() -> InviteLink {
        InviteLink {
            host: HostId::from_digest([7; 32]),
            addresses: vec!["192.168.1.4:7717".into(), "[fe80::1]:7717".into(), "studio.local:7717".into()],
            token: Secret("A".repeat(43)),
        }
    }

    #[test]
    fn both_forms_read_back() {
        assert_eq!(InviteLink::parse(&link().to_app_link()), Ok(link()));
        let web = link().to_web_link("https", "studio.local:7717");
        let one = InviteLink { addresses: vec!["studio.local:7717".into()], ..link() };
        assert_eq!(InviteLink::parse(&web), Ok(one));
    }

    #[test]
    fn a_damaged_link_says_which_part_is_missing() {
        let whole = link().to_app_link();
        assert_eq!(InviteLink::parse(&whole[..whole.len() - 5]), Err(InviteLinkError::Token));
        assert_eq!(InviteLink::parse("hearth://join/abc?a=x:1&t=y"), Err(InviteLinkError::Host));
        assert_eq!(InviteLink::parse("mailto:lea@example.org"), Err(InviteLinkError::NotAnInvite));
        assert_eq!(InviteLink::parse("https://example.org/"), Err(InviteLinkError::NotAnInvite));
    }

    #[test]
    fn a_web_link_names_an_address_that_the_app_link_can_name() {
        let web = |name: &str| format!("https://{name}/join/{}#t={}", link().host, "A".repeat(43));
        for name in ["my_nas:7717", "[fe80::1]:7717", "chat.example.org"] {
            let read = InviteLink::parse(&web(name)).unwrap();
            assert_eq!(InviteLink::parse(&read.to_app_link()), Ok(read));
        }
        for name in ["chat.e\"x\"ample.org", "a'b", "a&b"] {
            assert_eq!(InviteLink::parse(&web(name)), Err(InviteLinkError::Address), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,200}") {
            let _ = InviteLink::parse(&text);
        }
    }
}
