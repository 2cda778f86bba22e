//! Other programs' words as Markdown that can't pretend to be more than text.

/// A text that fits a message of at most `most` bytes; `None` if nothing is left.
pub(super) fn fit(mut text: String, most: usize) -> Option<String> {
    text.retain(|character| character != '\0');
    if text.len() > most {
        let mut end = most.saturating_sub('…'.len_utf8());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    Some(text).filter(|text| !text.trim().is_empty())
}

/// `[label](url)`, or the label alone where the address is not one of the web. Brackets in the label become round ones.
pub(super) fn link(label: &str, url: &str) -> String {
    let label = label.replace('[', "(").replace(']', ")").replace(['\n', '\r'], " ");
    let label = label.trim();
    let web = url.starts_with("https://") || url.starts_with("http://");
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>\"\\`".contains(&byte));
    if web && plain && !label.is_empty() { format!("[{label}]({url})") } else { label.to_owned() }
}

/// A link in bold letters, whatever stands in its label; nothing for an empty one.
pub(super) fn strong(label: &str, url: &str) -> String {
    let linked = link(&first_line(label).replace('*', ""), url);
    if linked.is_empty() { linked } else { format!("**{linked}**") }
}

/// A name in bold letters.
pub(super) fn bold(name: &str) -> String {
    strong(name, "")
}

/// A word as code, whatever stands in it.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", first_line(text).replace('`', "'"))
}

/// The first line of a text.
pub(super) fn first_line(text: &str) -> &str {
    text.trim_start().lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_web_or_nowhere() {
        assert_eq!(link("build 7", "https://ci.example.org/7"), "[build 7](https://ci.example.org/7)");
        assert_eq!(link("x](http://evil.example", "javascript:alert(1)"), "x)(http://evil.example");
        assert_eq!(link("[FIRING:1] CPU", "https://a.example"), "[(FIRING:1) CPU](https://a.example)");
        assert_eq!(link("a", "https://a.example/ b"), "a");
    }

    #[test]
    fn names_and_words_end_where_they_are_said_to() {
        assert_eq!(bold("a**b\n# c"), "**ab**");
        assert_eq!(bold(" "), "");
        assert_eq!(code("x`y\nz"), "`x'y`");
    }

    proptest::proptest! {
        #[test]
        fn what_fits_is_a_text_of_a_message(text in ".{0,300}", times in 1usize..200) {
            if let Some(text) = fit(text.repeat(times), protocol::limits::TEXT_BYTES) {
                protocol::limits::check_text(&text).unwrap();
            }
        }
    }
}
