//! Whom a text calls: pure. Which of the names are members', the store says.

use crate::names::fold;

/// Calls everyone in the room.
pub(crate) const EVERYONE: &str = "room";

/// Most ends tried after one `@`: names have few words.
const ENDS: usize = 12;

/// For every `@` of `text` that calls somebody, the folded names it may mean, longest first. What stands in
/// backticks calls nobody, nor does an address.
pub(crate) fn calls(text: &str, most: usize) -> Vec<Vec<String>> {
    let (mut calls, mut before, mut in_code) = (Vec::new(), ' ', false);
    for (at, letter) in text.char_indices() {
        in_code ^= letter == '`';
        if letter == '@' && !in_code && !before.is_alphanumeric() && calls.len() < most {
            let names = names(&text[at + 1..]);
            if !names.is_empty() {
                calls.push(names);
            }
        }
        before = letter;
    }
    calls
}

fn names(rest: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, letter) in rest.char_indices().take(protocol::limits::NAME_CHARS) {
        if matches!(letter, '\n' | '@' | '`') {
            break;
        }
        let next = rest[at + letter.len_utf8()..].chars().next();
        let ends =
            next.is_none_or(|next| !next.is_alphanumeric() || stands_alone(next) || stands_alone(letter));
        if letter.is_alphanumeric() && ends {
            names.push(fold(&rest[..at + letter.len_utf8()]));
            if names.len() == ENDS {
                break;
            }
        }
    }
    names.reverse();
    names
}

/// Letters of scripts without spaces: a name may end after each.
fn stands_alone(letter: char) -> bool {
    letter.is_alphabetic() && !letter.is_lowercase() && !letter.is_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_name_comes_first() {
        assert_eq!(calls("Hi @Léa Dupont, see", 9), [["léa dupont, see", "léa dupont", "léa"]]);
        assert_eq!(calls("@陈思远你好", 9)[0][2], "陈思远");
        assert_eq!(calls("@room!", 9), [["room"]]);
    }

    #[test]
    fn addresses_and_code_call_nobody() {
        for text in ["lea@example.org", "`@lea`", "@ lea ".trim_end_matches("lea "), "@", "@@"] {
            assert!(calls(text, 9).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_in_bounds(text in "[@a-z陈 `\n]{0,200}") {
            let calls = calls(&text, 5);
            prop_assert!(calls.len() <= 5);
            prop_assert!(calls.iter().all(|names| (1..=ENDS).contains(&names.len())));
        }
    }
}
