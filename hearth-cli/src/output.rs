//! Lines on standard output: for people, or JSON for programs.

use std::io::{ErrorKind, Write};

use client_core::{Content, Delivery, TimelineItem};
use protocol::{HostId, RoomId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Prints one line at once. A reader that has gone ends the program quietly, as `head` expects.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

/// Prints one JSON line.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&serde_json::to_string(value)?)
}

/// A line of a timeline as JSON.
pub(crate) fn item_json(host: &HostId, room: RoomId, room_name: &str, item: &TimelineItem) -> Value {
    let mut value = json!({
        "host": host, "room": room, "room_name": room_name, "seq": item.seq, "at": item.at,
        "by": item.by, "by_name": item.by_name, "kind": kind(&item.content),
    });
    if let Content::Message { id, text, about } = &item.content {
        value["message"] = json!(id);
        value["text"] = json!(text);
        if about.deleted {
            value["deleted"] = json!(true);
        }
        if about.edited {
            value["edited"] = json!(true);
        }
    }
    match &item.delivery {
        Delivery::Sent => {}
        Delivery::Queued => value["delivery"] = json!("queued"),
        Delivery::Failed { message, .. } => {
            value["delivery"] = json!("failed");
            value["error"] = json!(message);
        }
    }
    value
}

/// A line of a timeline for people; `None` for what is not shown.
pub(crate) fn item_text(room_name: &str, item: &TimelineItem) -> Option<String> {
    let who = plain(&item.by_name);
    let said = match &item.content {
        Content::Message { about, .. } if about.deleted => return None,
        Content::Message { text, .. } => format!("{who}: {}", plain(&text.0)),
        Content::Joined => format!("{who} came in"),
        Content::Left => format!("{who} went out"),
        Content::Created { .. } => format!("{who} made the room"),
        Content::Unknown => return None,
    };
    let delivery = match &item.delivery {
        Delivery::Sent => String::new(),
        Delivery::Queued => " (waiting)".to_owned(),
        Delivery::Failed { message, .. } => format!(" (refused: {})", plain(message)),
    };
    Some(format!("#{} {said}{delivery}", plain(room_name)))
}

/// Text of others for a terminal: without the control characters that could command it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|character| matches!(character, '\n' | '\t') || !character.is_control()).collect()
}

const fn kind(content: &Content) -> &'static str {
    match content {
        Content::Message { .. } => "message",
        Content::Joined => "joined",
        Content::Left => "left",
        Content::Created { .. } => "created",
        Content::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_others_write_can_not_command_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{7}\r\nc\u{9b}d"), "a[2Jb\ncd");
    }
}
