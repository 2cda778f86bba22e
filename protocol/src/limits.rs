//! Every limit of the protocol, with the reason for its number, and the checks that enforce them.

use thiserror::Error;

/// Largest frame a client may send, in bytes: one message of [`TEXT_BYTES`] with every byte escaped still fits.
pub const CLIENT_FRAME_BYTES: usize = 128 * 1024;
/// Largest frame a client may send before it is signed in, in bytes: every sign-in fits several times.
pub const STRANGER_FRAME_BYTES: usize = 16 * 1024;
/// Largest frame a host sends, in bytes: one page of [`PAGE_BYTES`] with every byte escaped, plus one message.
pub const SERVER_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// Longest message text, in bytes of UTF-8. Longer belongs into a file.
pub const TEXT_BYTES: usize = 16 * 1024;
/// Longest name of a member, room, host or device, in characters.
pub const NAME_CHARS: usize = 64;
/// Longest topic of a room, in characters.
pub const TOPIC_CHARS: usize = 256;
/// Shortest password, in characters (NIST SP 800-63B, 5.1.1.2).
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Longest password, in bytes: long enough for any passphrase, short enough to hash at once.
pub const PASSWORD_MAX_BYTES: usize = 1024;
/// How many recovery codes a member gets at once.
pub const RECOVERY_CODES: usize = 10;
/// Longest code beside a password, in bytes, with the spaces and hyphens people put into it.
pub const CODE_BYTES: usize = 64;
/// Length of the client's nonce in the hello, in bytes before base64url.
pub const NONCE_BYTES: usize = 32;
/// Most events in one page of history.
pub const PAGE_EVENTS: u32 = 200;
/// A page ends early once its texts reach this many bytes.
pub const PAGE_BYTES: usize = 512 * 1024;
/// Most events a sync sends for one room; what is older becomes a hole, paged on demand.
pub const SYNC_ROOM_EVENTS: u32 = 200;
/// Most messages a sync tells anew for one room because something in its hole changed them; the newest changes first.
pub const SYNC_ROOM_CHANGED: u32 = 1_000;
/// Most rooms in one sync request; a client in more asks again.
pub const SYNC_ROOMS: usize = 500;
/// Most entries in one list of rooms, members or invites.
pub const LIST_ITEMS: u32 = 500;
/// Longest emoji of a reaction, in bytes of UTF-8: a family of four with skin tones, or the name of a custom one.
pub const EMOJI_BYTES: usize = 64;
/// Most different emoji under one message.
pub const EMOJI_KINDS: usize = 20;
/// Largest picture that is sent to become somebody's or a room's, in bytes before base64url: with the rest of its frame
/// it is below [`CLIENT_FRAME_BYTES`].
pub const AVATAR_BYTES: usize = 90 * 1024;
/// Largest side of such a picture, in pixels: four times what becomes of it. A host makes room for all of them at once.
pub const AVATAR_SIDE: u32 = 1024;
/// Side of the square that the host makes of it, in pixels.
pub const AVATAR_PIXELS: u32 = 256;
/// Longest time for which a status holds, in milliseconds: beyond, it stays until it is changed.
pub const STATUS_MS: i64 = 366 * 24 * 3600 * 1000;
/// Most pinned messages of one room.
pub const PINS: u32 = 100;
/// Most members one message mentions by name; further names stay text.
pub const MENTIONS: usize = 50;
/// Most members a direct room is between, the one who opens it not counted: beyond, a private room is clearer.
pub const DIRECT_MEMBERS: usize = 8;
/// Most rooms one invite leads into.
pub const INVITE_ROOMS: usize = 20;
/// Most incoming webhooks of one room, and most outgoing ones.
pub const ROOM_HOOKS: u32 = 50;
/// Most bots of a host.
pub const BOTS: u32 = 200;
/// Longest address of an outgoing webhook, in bytes.
pub const URL_BYTES: usize = 2048;
/// Longest time a room may be told to keep what is said in it, in days: a hundred years.
pub const RETENTION_DAYS: u32 = 36_525;
/// Somebody who writes is told again to a room after this long at the earliest, in milliseconds.
pub const TYPING_TOLD_MS: u32 = 3_000;
/// Somebody who was told to write no longer does after this long, in milliseconds: two tellings and a delay.
pub const TYPING_MS: u32 = 7_000;
/// Unread messages and mentions are counted up to here; this many means this many or more. Nobody reads a larger
/// number, and counting on would cost a host more the longer somebody stays away.
pub const UNREAD: u32 = 1_000;
/// Most members asked for at once when they were last seen.
pub const SEEN_MEMBERS: usize = 100;
/// Longest time for which somebody does not want to be disturbed, in milliseconds: beyond, they say it again.
pub const BUSY_MS: i64 = 366 * 24 * 3600 * 1000;
/// Most threads in one page of a member's threads.
pub const THREADS: u32 = 100;
/// Most messages in one page of a search.
pub const SEARCH_ITEMS: u32 = 50;
/// Longest text of a search, in bytes.
pub const SEARCH_BYTES: usize = 1024;
/// Most uses an invite may have.
pub const INVITE_USES: u32 = 10_000;
/// Longest life of an invite, in milliseconds: one year.
pub const INVITE_LIFE_MS: i64 = 366 * 24 * 3600 * 1000;
/// How often the host asks a silent peer whether it lives, in milliseconds: below the 60 s after which proxies forget a
/// silent connection, and no oftener, because every computer on both sides wakes up for it.
pub const HEARTBEAT_MS: u32 = 40_000;
/// A peer silent for this long has left, in milliseconds: two heartbeats and a delay.
pub const LEASE_MS: u32 = 100_000;
/// From accept to signed-in, in milliseconds: room for a slow phone and one Argon2id, none for idlers.
pub const SIGN_IN_MS: u32 = 30_000;

/// What a text broke, said so that a person can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OutOfBounds {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// More than the limit.
    #[error("is too long: at most {0}")]
    TooLong(usize),
    /// Less than the limit.
    #[error("is too short: at least {0} characters")]
    TooShort(usize),
    /// Control characters or marks that reorder the text around them.
    #[error("contains control characters")]
    Control,
}

/// Checks a name of a member, room, host or device and returns it trimmed.
///
/// # Errors
/// When it is empty, longer than [`NAME_CHARS`], or could disguise itself.
pub fn check_name(name: &str) -> Result<&str, OutOfBounds> {
    let name = name.trim();
    let name = check_line(name, NAME_CHARS)?;
    match name {
        _ if name.chars().all(|letter| letter.is_whitespace() || shows_nothing(letter)) => {
            Err(OutOfBounds::Empty)
        }
        _ if name.chars().any(passes_for_nothing) => Err(OutOfBounds::Control),
        _ => Ok(name),
    }
}

/// Checks a room's topic and returns it trimmed; it may be empty.
///
/// # Errors
/// When it is longer than [`TOPIC_CHARS`] or contains control characters.
pub fn check_topic(topic: &str) -> Result<&str, OutOfBounds> {
    check_line(topic.trim(), TOPIC_CHARS)
}

/// Checks the text of a message. Line breaks and tabs are text.
///
/// # Errors
/// When it is blank or longer than [`TEXT_BYTES`].
pub fn check_text(text: &str) -> Result<(), OutOfBounds> {
    match text {
        _ if text.len() > TEXT_BYTES => Err(OutOfBounds::TooLong(TEXT_BYTES)),
        _ if text.trim().is_empty() => Err(OutOfBounds::Empty),
        _ if text.contains('\0') => Err(OutOfBounds::Control),
        _ => Ok(()),
    }
}

/// Checks the emoji of a reaction.
///
/// # Errors
/// When there is nothing to be seen of it, it is longer than [`EMOJI_BYTES`], or contains white space or control
/// characters.
pub fn check_emoji(emoji: &str) -> Result<(), OutOfBounds> {
    match emoji {
        _ if emoji.chars().all(shows_nothing) => Err(OutOfBounds::Empty),
        _ if emoji.len() > EMOJI_BYTES => Err(OutOfBounds::TooLong(EMOJI_BYTES)),
        _ if emoji.chars().any(|letter| letter.is_whitespace() || disguises(letter)) => {
            Err(OutOfBounds::Control)
        }
        _ => Ok(()),
    }
}

/// Checks a new password.
///
/// # Errors
/// When it is shorter than [`PASSWORD_MIN_CHARS`] or longer than [`PASSWORD_MAX_BYTES`].
pub fn check_password(password: &str) -> Result<(), OutOfBounds> {
    match password {
        _ if password.chars().count() < PASSWORD_MIN_CHARS => Err(OutOfBounds::TooShort(PASSWORD_MIN_CHARS)),
        _ if password.len() > PASSWORD_MAX_BYTES => Err(OutOfBounds::TooLong(PASSWORD_MAX_BYTES)),
        _ => Ok(()),
    }
}

fn check_line(line: &str, most: usize) -> Result<&str, OutOfBounds> {
    match line {
        _ if line.chars().count() > most => Err(OutOfBounds::TooLong(most)),
        _ if line.chars().any(disguises) => Err(OutOfBounds::Control),
        _ => Ok(line),
    }
}

/// Control characters, line separators, bidirectional overrides and invisible marks (Unicode TR 36, 3.1).
/// The joiners U+200C and U+200D stay: Persian and emoji need them.
fn disguises(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Joiners and choices of shape: they do something to their neighbours, and are nothing alone.
fn shows_nothing(character: char) -> bool {
    matches!(character, '\u{200c}'..='\u{200d}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}')
}

/// What no name needs, and what makes two names look like one: soft hyphens, blank letters, marks of other programs.
fn passes_for_nothing(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{206a}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_trimmed_and_keeps_every_script() {
        for name in ["Léa", "陈思远", "周末读书会", "نگار\u{200c}ها", "👩\u{200d}🚀"] {
            assert_eq!(check_name(&format!("  {name} ")), Ok(name));
        }
    }

    #[test]
    fn a_name_can_not_disguise_itself() {
        for name in ["a\u{202e}b", "a\nb", "a\u{200b}b", "\u{feff}a"] {
            assert_eq!(check_name(name), Err(OutOfBounds::Control));
        }
        for name in ["al\u{ad}ice", "alice\u{2800}", "\u{3164}", "a\u{e0041}"] {
            assert_eq!(check_name(name), Err(OutOfBounds::Control));
        }
        for name in [" \t ", "\u{200d}", "\u{200c} \u{fe0f}"] {
            assert_eq!(check_name(name), Err(OutOfBounds::Empty));
        }
        assert_eq!(check_name(&"x".repeat(65)), Err(OutOfBounds::TooLong(64)));
    }

    #[test]
    fn an_emoji_is_something_to_be_seen() {
        for emoji in [
            "👍🏽",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "🏴\u{e0067}\u{e0062}\u{e007f}",
            "1\u{fe0f}\u{20e3}",
            ":party:",
        ] {
            assert_eq!(check_emoji(emoji), Ok(()), "{emoji}");
        }
        for emoji in ["", "\u{200d}", "\u{fe0f}\u{fe0f}"] {
            assert_eq!(check_emoji(emoji), Err(OutOfBounds::Empty));
        }
        for emoji in ["a b", "\u{202e}", "\n"] {
            assert_eq!(check_emoji(emoji), Err(OutOfBounds::Control));
        }
        assert_eq!(check_emoji(&"x".repeat(65)), Err(OutOfBounds::TooLong(64)));
    }

    #[test]
    fn text_is_bounded_in_bytes() {
        assert_eq!(check_text(&"é".repeat(TEXT_BYTES / 2)), Ok(()));
        assert_eq!(check_text(&"é".repeat(TEXT_BYTES / 2 + 1)), Err(OutOfBounds::TooLong(TEXT_BYTES)));
        assert_eq!(check_text("  \n"), Err(OutOfBounds::Empty));
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_accepted_again_unchanged(name in ".{0,80}") {
            if let Ok(once) = check_name(&name) {
                prop_assert_eq!(check_name(once), Ok(once));
            }
        }
    }
}
