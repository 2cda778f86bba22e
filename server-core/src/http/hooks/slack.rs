//! Slack's incoming webhooks: JSON, or a form with `payload`. Fields this does not know are passed over.

use serde::Deserialize;
use serde_json::Value;

use super::text::link;

/// Blocks may hold blocks; deeper ones than this are not read.
const DEPTH: u8 = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Payload {
    text: Option<String>,
    username: Option<String>,
    attachments: Vec<Attachment>,
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
    fields: Vec<Field>,
    image_url: Option<String>,
    footer: Option<String>,
    blocks: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Field {
    title: Option<String>,
    value: Value,
}

/// The message in a body; `None` if it is none.
pub(super) fn read(body: &[u8], form: bool) -> Option<String> {
    let payload: Payload = if form {
        let (_, json) = url::form_urlencoded::parse(body).find(|(name, _)| name == "payload")?;
        serde_json::from_str(&json).ok()?
    } else {
        serde_json::from_slice(body).ok()?
    };
    let mut lines = Vec::new();
    lines.extend(
        payload.username.filter(|name| !name.trim().is_empty()).map(|name| format!("**{}**", name.trim())),
    );
    lines.extend(payload.text.as_deref().map(markdown));
    if payload.text.is_none() {
        payload.blocks.iter().for_each(|block| add_block(&mut lines, block, DEPTH));
    }
    payload.attachments.iter().for_each(|attachment| add_attachment(&mut lines, attachment));
    lines.retain(|line| !line.trim().is_empty());
    Some(lines.join("\n"))
}

fn add_attachment(lines: &mut Vec<String>, attachment: &Attachment) {
    let before = lines.len();
    lines.extend(attachment.pretext.as_deref().map(markdown));
    lines.extend(attachment.author_name.as_deref().map(markdown));
    if let Some(title) = &attachment.title {
        let title = attachment.title_link.as_deref().map_or_else(|| title.clone(), |url| link(title, url));
        lines.push(format!("**{title}**"));
    }
    lines.extend(attachment.text.as_deref().map(markdown));
    for field in &attachment.fields {
        let value = field.value.as_str().map_or_else(|| field.value.to_string(), markdown);
        lines.push(format!("- **{}**: {value}", field.title.as_deref().unwrap_or_default()));
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
    match block.get("text") {
        Some(Value::String(text)) => lines.push(markdown(text)),
        Some(inner @ Value::Object(_)) => add_block(lines, inner, depth - 1),
        _ => {}
    }
    for name in ["fields", "elements"] {
        for inner in block.get(name).and_then(Value::as_array).into_iter().flatten() {
            add_block(lines, inner, depth - 1);
        }
    }
}

/// Slack's `<url|label>`, `<!here>` and escapes as Markdown.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((inside, after)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            continue;
        };
        let (target, label) =
            inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
        match target.strip_prefix('!') {
            Some("here" | "channel" | "everyone") => out.push_str("@room"),
            Some(other) => out.push_str(label.unwrap_or(other)),
            None if target.starts_with(['@', '#']) => out.push_str(label.unwrap_or(target)),
            None => out.push_str(&link(label.unwrap_or(target), target)),
        }
        rest = after;
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Option<String> {
        read(text.as_bytes(), false)
    }

    #[test]
    fn text_comes_as_json_or_as_a_form() {
        assert_eq!(json(r#"{"text":"done","icon_emoji":":x:","new":1}"#).unwrap(), "done");
        assert_eq!(read(b"payload=%7B%22text%22%3A%22a+b%22%7D", true).unwrap(), "a b");
        for bad in ["", "[]x", "{", r#"{"text":5}"#] {
            assert_eq!(json(bad), None, "{bad}");
        }
        assert_eq!(read(b"text=a", true), None);
    }

    #[test]
    fn slacks_marks_become_markdown() {
        assert_eq!(
            markdown("<https://ci.example.org/7|build 7> of &lt;main&gt; failed, <!here> <@U1|bob> a < b"),
            "[build 7](https://ci.example.org/7) of <main> failed, @room bob a < b"
        );
        assert_eq!(markdown("<javascript:alert(1)|click>"), "click");
    }

    #[test]
    fn attachments_and_blocks_are_read_as_text() {
        let said = json(
            r#"{"username":"CI","attachments":[{"fallback":"no","title":"Build","title_link":"https://ci.example.org","text":"red",
               "fields":[{"title":"Branch","value":"main","short":true},{"title":"Tries","value":3}]}]}"#,
        );
        assert_eq!(
            said.unwrap(),
            "**CI**\n**[Build](https://ci.example.org)**\nred\n- **Branch**: main\n- **Tries**: 3"
        );
        let said = json(
            r#"{"blocks":[{"type":"section","text":{"type":"mrkdwn","text":"hello"}},{"type":"divider"}]}"#,
        );
        assert_eq!(said.unwrap(), "hello");
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_reader_fall_over(body in proptest::collection::vec(0u8.., 0..300), text in ".{0,80}") {
            let _ = (read(&body, false), read(&body, true), markdown(&text));
            let _ = read(serde_json::json!({ "text": text, "attachments": [{ "title": text }] }).to_string().as_bytes(), false);
        }
    }
}
