//! Protocol versions, newest first, carried in the WebSocket subprotocol (RFC 6455, 1.9).

/// Every version this build speaks, newest first. A number is never reused.
pub const SUPPORTED: &[&str] = &["hearth.v1"];

/// Picks the newest version that `offered` (a `Sec-WebSocket-Protocol` header value) also names.
#[must_use]
pub fn negotiate(offered: &str) -> Option<&'static str> {
    SUPPORTED.iter().copied().find(|version| offered.split(',').any(|name| name.trim() == *version))
}

#[cfg(test)]
mod tests {
    use super::negotiate;

    #[test]
    fn the_newest_common_version_is_chosen() {
        assert_eq!(negotiate("hearth.v9, hearth.v1"), Some("hearth.v1"));
        assert_eq!(negotiate("hearth.v9"), None);
        assert_eq!(negotiate(""), None);
    }
}
