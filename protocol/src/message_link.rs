//! Links to messages: `hearth://message/<host id>/<message id>`. They say where to look and give no right to see it.

use thiserror::Error;
use url::Url;

use crate::ids::{HostId, MessageId};

/// What a link to a message says. Both ids are for good, wherever the host moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLink {
    /// On which host.
    pub host: HostId,
    /// Which.
    pub message: MessageId,
}

/// Why a text is no link to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageLinkError {
    /// Not `hearth://message/…`.
    #[error("this is not a link to a message: it should start with hearth://message/")]
    NotAMessage,
    /// An id is missing or cut.
    #[error("the link is damaged: copy it again")]
    Damaged,
}

impl MessageLink {
    /// The link.
    #[must_use]
    pub fn to_link(&self) -> String {
        format!("hearth://message/{}/{}", self.host, self.message)
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`MessageLinkError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, MessageLinkError> {
        let url = Url::parse(text.trim()).map_err(|_| MessageLinkError::NotAMessage)?;
        if url.scheme() != "hearth" || url.host_str() != Some("message") {
            return Err(MessageLinkError::NotAMessage);
        }
        let mut parts = url.path().trim_matches('/').split('/');
        let (host, message) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (Ok(host), Ok(message), None) = (host.parse(), message.parse(), parts.next()) else {
            return Err(MessageLinkError::Damaged);
        };
        Ok(Self { host, message: MessageId(message) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn a_link_reads_back(digest: [u8; 32], message: u128) {
            let host = HostId::from_digest(digest);
            let link = MessageLink { host, message: MessageId(Uuid::from_u128(message)) };
            prop_assert_eq!(MessageLink::parse(&link.to_link()), Ok(link.clone()));
            let cut = &link.to_link()[..link.to_link().len() - 1];
            prop_assert_eq!(MessageLink::parse(cut), Err(MessageLinkError::Damaged));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,200}") {
            let _ = MessageLink::parse(&text);
        }
    }

    #[test]
    fn other_links_are_not_taken_for_one() {
        for text in ["hearth://join/abc", "https://example.org/message/a/b", "", "hearth:message"] {
            assert_eq!(MessageLink::parse(text), Err(MessageLinkError::NotAMessage), "{text}");
        }
    }
}
