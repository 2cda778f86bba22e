//! What the words of a search mean: the same on a host and in a client's own history.
//!
//! The index (FTS5, `unicode61 remove_diacritics 2`) knows words by the spaces and signs around them. Scripts that
//! write none get one around every character here, and ligatures that have no accent to drop are spelled out. Pure:
//! knows no index and no message.

/// A text in the form in which it is indexed.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 2);
    for letter in text.chars() {
        match letter {
            'œ' | 'Œ' => folded.push_str("oe"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'ß' | 'ẞ' => folded.push_str("ss"),
            ' ' if folded.ends_with(' ') => {}
            _ if is_cjk(letter) => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
                folded.push(letter);
                folded.push(' ');
            }
            _ => folded.push(letter),
        }
    }
    folded
}

/// The words of a person as an FTS5 expression: all of them must be there, what stands in quotes in this very order,
/// and the last word may go on. `None` when there is nothing to look for.
#[must_use]
pub fn expression(words: &str) -> Option<String> {
    let (mut terms, mut quoted) = (Vec::new(), false);
    for part in words.split(['"', '“', '”', '«', '»']) {
        if quoted {
            terms.extend(term(part));
        } else {
            terms.extend(part.split_whitespace().filter_map(term));
            // Someone who still types, unless the last thing said is in quotes.
            if let Some(last) =
                terms.last_mut().filter(|_| part.ends_with(|letter: char| letter.is_alphanumeric()))
            {
                *last = format!("{}*", last.trim_end_matches('*'));
            }
        }
        quoted = !quoted;
    }
    // Only the very last word goes on.
    let count = terms.len();
    for term in terms.iter_mut().take(count.saturating_sub(1)) {
        term.truncate(term.trim_end_matches('*').len());
    }
    (!terms.is_empty()).then(|| terms.join(" "))
}

/// One phrase of the expression; none without a letter or a digit, which the index would not hold.
fn term(words: &str) -> Option<String> {
    let words = folded(words).replace(['"', '\0'], " ");
    let words = words.trim();
    words.chars().any(char::is_alphanumeric).then(|| format!("\"{words}\""))
}

/// Characters of Chinese, Japanese and Korean: words are not told apart by spaces.
#[must_use]
pub const fn is_cjk(letter: char) -> bool {
    matches!(letter,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_of_a_script_without_spaces_stands_alone() {
        assert_eq!(folded("去北京ok吗"), "去 北 京 ok 吗 ");
        assert_eq!(folded("Œuvre, Straße, Ærø"), "oeuvre, Strasse, aerø");
    }

    #[test]
    fn words_become_an_expression_that_can_not_be_broken_out_of() {
        assert_eq!(expression("plan du"), Some("\"plan\" \"du\"*".into()));
        assert_eq!(expression("\"exact phrase\" more "), Some("\"exact phrase\" \"more\"".into()));
        assert_eq!(expression("北京"), Some("\"北 京\"*".into()));
        assert_eq!(expression("a OR (b* NOT c:d"), Some("\"a\" \"OR\" \"(b*\" \"NOT\" \"c:d\"*".into()));
        assert_eq!(expression(" \"\" -- * "), None);
        assert_eq!(expression("one \"two three\""), Some("\"one\" \"two three\"".into()));
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,60}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }

        #[test]
        fn an_expression_is_always_closed(words in "\\PC{0,40}") {
            if let Some(expression) = expression(&words) {
                prop_assert_eq!(expression.matches('"').count() % 2, 0);
                prop_assert!(expression.ends_with('"') || expression.ends_with("\"*"));
            }
        }
    }
}
