//! Slack's incoming webhooks: text, attachments, and as much of blocks as is text. Fields this does not know are passed
//! over, and so are empty ones, whichever way they are said to be empty.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::mrkdwn::markdown;
use super::text::{bold, link, strong};

/// Blocks may hold blocks; deeper ones than this are not read.
const DEPTH: u8 = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
    text: Option<String>,
    username: Option<String>,
    #[serde(deserialize_with = "list")]
    attachments: Vec<Attachment>,
    #[serde(deserialize_with = "list")]
    blocks: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    fallback: Option<String>,
    pretext: Option<String>,
    author_name: Option<String>,
    title: Option<String>,
    title_link: Option<String>,
    text: Option<String>,
    #[serde(deserialize_with = "list")]
    fields: Vec<Field>,
    image_url: Option<String>,
    footer: Option<String>,
    #[serde(deserialize_with = "list")]
    blocks: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    title: Option<String>,
    value: Value,
}

/// A list, or nothing where many programs say `null`.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The message in a payload; `None` if there is none. Blocks come in the place of the text, which is for where there is no
/// room for them.
pub(super) fn read(payload: Value) -> Option<String> {
    let payload = Some(payload).filter(Value::is_object)?;
    let payload: Payload = serde_json::from_value(payload).ok()?;
    let mut blocks = Vec::new();
    payload.blocks.iter().for_each(|block| add_block(&mut blocks, block, DEPTH));
    blocks.retain(|line| !line.trim().is_empty());
    let mut lines = vec![payload.username.as_deref().map(bold).unwrap_or_default()];
    match blocks.is_empty() {
        true => lines.extend(payload.text.as_deref().map(markdown)),
        false => lines.extend(blocks),
    }
    payload.attachments.iter().for_each(|attachment| add_attachment(&mut lines, attachment));
    lines.retain(|line| !line.trim().is_empty());
    Some(lines.join("\n")).filter(|text| !text.is_empty())
}

fn add_attachment(lines: &mut Vec<String>, attachment: &Attachment) {
    let before = lines.len();
    lines.extend(attachment.pretext.as_deref().map(markdown));
    lines.extend(attachment.author_name.as_deref().map(markdown));
    if let Some(title) = &attachment.title {
        lines.push(strong(title, attachment.title_link.as_deref().unwrap_or_default()));
    }
    lines.extend(attachment.text.as_deref().map(markdown));
    for field in attachment.fields.iter().filter(|field| field.title.is_some() || !field.value.is_null()) {
        let value = match &field.value {
            Value::Null => String::new(),
            Value::String(text) => markdown(text),
            other => other.to_string(),
        };
        let title = field.title.as_deref().map(bold).unwrap_or_default();
        lines.push(format!("- {}", [title, value].join(": ").trim_matches([':', ' '])));
    }
    attachment.blocks.iter().for_each(|block| add_block(lines, block, DEPTH));
    lines.extend(attachment.image_url.as_deref().map(|url| link(url, url)));
    lines.extend(attachment.footer.as_deref().map(markdown));
    if lines.len() == before {
        lines.extend(attachment.fallback.as_deref().map(markdown));
    }
}

/// As much of a block as is text.
fn add_block(lines: &mut Vec<String>, block: &Value, depth: u8) {
    if depth == 0 {
        return;
    }
    let kind = block.get("type").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "rich_text_section" | "rich_text_quote" | "rich_text_preformatted") {
        lines.push(inner(block, "elements").map(run).collect());
        return;
    }
    match block.get("text") {
        Some(Value::String(text)) => lines.push(markdown(text)),
        Some(text @ Value::Object(_)) => add_block(lines, text, depth - 1),
        _ => {}
    }
    for name in ["fields", "elements"] {
        inner(block, name).for_each(|inner| add_block(lines, inner, depth - 1));
    }
}

fn inner<'a>(block: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    block.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A part of a line of rich text, which is said without marks.
fn run(element: &Value) -> String {
    let text = |name: &str| element.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "link" if text("text").is_empty() => link(text("url"), text("url")),
        "link" => link(text("text"), text("url")),
        "emoji" => format!(":{}:", text("name")),
        "user" => format!("@{}", text("user_id")),
        "channel" => format!("#{}", text("channel_id")),
        "broadcast" => "@room".to_owned(),
        _ => text("text").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_a_message() {
        assert_eq!(read(json!({ "text": "done", "icon_emoji": ":x:", "new": 1 })).unwrap(), "done");
        for bad in
            [json!(["x"]), json!({}), json!(null), json!("x"), json!({ "text": 5 }), json!({ "blocks": {} })]
        {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn what_is_empty_may_be_null() {
        let said = json!({ "text": "done", "username": null, "attachments": null, "blocks": null });
        assert_eq!(read(said).unwrap(), "done");
        let said = json!({ "text": null, "attachments": [{ "title": null, "text": "red", "fields": null }] });
        assert_eq!(read(said).unwrap(), "red");
    }

    #[test]
    fn attachments_are_read_as_text() {
        let said = json!({ "username": "C**I\n# x", "attachments": [{
            "fallback": "no", "title": "Build", "title_link": "https://ci.example.org", "text": "red", "fields": [
                { "title": "Branch", "value": "main", "short": true }, { "title": "Tries", "value": 3 },
                { "title": null, "value": null }, { "value": "alone" },
            ] }] });
        assert_eq!(
            read(said).unwrap(),
            "**CI**\n**[Build](https://ci.example.org)**\nred\n- **Branch**: main\n- **Tries**: 3\n- alone"
        );
        assert_eq!(read(json!({ "attachments": [{ "fallback": "in short" }] })).unwrap(), "in short");
    }

    #[test]
    fn blocks_come_in_the_place_of_the_text() {
        let section = json!({ "type": "section", "text": { "type": "mrkdwn", "text": "*hello*" } });
        let said = json!({ "text": "in short", "blocks": [section, { "type": "divider" }] });
        assert_eq!(read(said).unwrap(), "**hello**");
        assert_eq!(read(json!({ "text": "in short", "blocks": [{ "type": "image" }] })).unwrap(), "in short");
    }

    #[test]
    fn rich_text_is_read_line_by_line() {
        let parts = json!([
            { "type": "text", "text": "see " }, { "type": "link", "url": "https://r.example", "text": "it" },
            { "type": "text", "text": " " }, { "type": "emoji", "name": "eyes" },
        ]);
        let section = json!({ "type": "rich_text_section", "elements": parts });
        let said = json!({ "blocks": [{ "type": "rich_text", "elements": [section, section] }] });
        let line = "see [it](https://r.example) :eyes:";
        assert_eq!(read(said).unwrap(), format!("{line}\n{line}"));
    }

    proptest::proptest! {
        #[test]
        fn no_payload_makes_the_reader_fall_over(text in ".{0,80}") {
            let field = json!({ "title": text, "value": text });
            let block = json!({ "type": "section", "text": { "type": "mrkdwn", "text": text }, "fields": [text] });
            let attachment = json!({ "title": text, "title_link": text, "fields": [field], "blocks": [block] });
            let _ = read(json!({ "text": text, "username": text, "attachments": [attachment], "blocks": [block] }));
        }
    }
}
