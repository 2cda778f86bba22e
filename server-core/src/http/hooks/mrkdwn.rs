//! Slack's marks as Markdown: `<url|label>`, `<!here>`, `*bold*`, `~struck~`, and its three escapes.
//!
//! What is none of them stays as it is: many senders neither know nor escape Slack's marks.

use super::text::link;

/// Stands for a mark that is read already. No message has it in its text.
const HELD: char = '\0';

/// `text` as Markdown.
pub(super) fn markdown(text: &str) -> String {
    let text = text.replace(HELD, "");
    let mut out = String::with_capacity(text.len());
    // Code has no marks in it: every other part between backticks is code.
    for (number, part) in text.split('`').enumerate() {
        if number > 0 {
            out.push('`');
        }
        let mut held = Vec::new();
        let rest = hold_marks(part, &mut held);
        // Addresses may have stars and tildes of their own.
        let rest = if number % 2 == 0 { emphases(&rest) } else { rest };
        let mut held = held.into_iter();
        for (number, part) in rest.split(HELD).enumerate() {
            out.extend((number > 0).then(|| held.next()).flatten());
            out.push_str(part);
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The text without the marks in angle brackets, and them.
fn hold_marks(text: &str, held: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        match after.split_once('>').and_then(|(inside, after)| Some((mark(inside)?, after))) {
            Some((said, after)) => {
                out.push(HELD);
                held.push(said);
                rest = after;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// What a mark says; `None` if it is none.
fn mark(inside: &str) -> Option<String> {
    let (target, label) =
        inside.split_once('|').map_or((inside, None), |(target, label)| (target, Some(label)));
    let scheme = target.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    match (target.strip_prefix('!'), scheme) {
        (Some("here" | "channel" | "everyone"), _) => Some("@room".to_owned()),
        (Some(other), _) => Some(label.unwrap_or(other).to_owned()),
        _ if target.starts_with(['@', '#']) => Some(label.unwrap_or(target).to_owned()),
        (None, Some("http" | "https")) => Some(link(label.unwrap_or(target), target)),
        (None, Some("mailto" | "tel")) => {
            Some(label.unwrap_or(target.split_once(':').map_or(target, |(_, to)| to)).to_owned())
        }
        (None, Some(_)) => label.map(str::to_owned),
        (None, None) => None,
    }
}

/// One star for bold and one tilde for struck, where Markdown has two of each.
fn emphases(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let mark = matches!(character, '*' | '~').then(|| marked(&text[at..], character, before)).flatten();
        match mark {
            Some(inside) => {
                let double = [character; 2].iter().collect::<String>();
                out.push_str(&format!("{double}{inside}{double}"));
                at += inside.len() + 2;
                before = Some(character);
            }
            None => {
                out.push(character);
                at += character.len_utf8();
                before = Some(character);
            }
        }
    }
    out
}

/// What stands between the mark that `text` begins with and its end on the same line. `before` is what stands in front
/// of it; inside of a word, next to a space and next to another one it is no mark.
fn marked(text: &str, mark: char, before: Option<char>) -> Option<&str> {
    if before.is_some_and(|before| before.is_alphanumeric() || before == mark) {
        return None;
    }
    let inside = text[1..].split('\n').next()?;
    let inside = &inside[..inside.find(mark)?];
    let after = text[inside.len() + 2..].chars().next();
    let alone = !after.is_some_and(|after| after.is_alphanumeric() || after == mark);
    let tight = !inside.is_empty() && inside.trim() == inside;
    (alone && tight).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slacks_marks_become_markdown() {
        assert_eq!(
            markdown("<https://ci.example.org/7|build 7> of &lt;main&gt; failed, <!here> <@U1|bob> a < b"),
            "[build 7](https://ci.example.org/7) of <main> failed, @room bob a < b"
        );
        assert_eq!(markdown("<javascript:alert(1)|click>"), "click");
        assert_eq!(markdown("<mailto:bob@example.org|Bob> <tel:+12>"), "Bob +12");
        assert_eq!(markdown("<!subteam^S1|@ops> <!date^1^{date}|today> <#C1|general>"), "@ops today general");
        assert_eq!(
            markdown("<https://x.example/?a=1&amp;b=2>"),
            "[https://x.example/?a=1&b=2](https://x.example/?a=1&b=2)"
        );
    }

    #[test]
    fn what_is_no_mark_stays() {
        for text in
            ["Vec<String> a <b <c> d>", "<script>alert(1)</script>", "< > <>", "std::vec<std::string>"]
        {
            assert_eq!(markdown(text), text);
        }
    }

    #[test]
    fn one_star_is_bold_and_one_tilde_is_struck() {
        assert_eq!(
            markdown("*<https://x.example/~a~/|build>* <https://x.example/*b*/>"),
            "**[build](https://x.example/~a~/)** [https://x.example/*b*/](https://x.example/*b*/)"
        );
        assert_eq!(markdown("*done* in ~9~ 8 s, *all of it*!"), "**done** in ~~9~~ 8 s, **all of it**!");
        for text in [
            "**done**",
            "2*3*4",
            "* one\n* two",
            "a * b * c",
            "*a\nb*",
            "~~gone~~",
            "`*code*`",
            "```\n*code*\n```",
            "snake_case_word _soft_",
            "***",
        ] {
            assert_eq!(markdown(text), text, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_fall_over(text in ".{0,80}", marks in "[*~`<>|&;a \n]{0,40}") {
            let _ = (markdown(&text), markdown(&marks));
        }
    }
}
