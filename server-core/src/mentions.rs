//! Whom a text calls: pure. Which of the names are members', the store says.

use protocol::search::is_cjk;

use crate::names::fold;

/// Most ends tried after one `@`: names have few words.
const ENDS: usize = 16;

/// For every `@` of `text` that calls somebody, the folded names it may mean, longest first. What stands in
/// backticks calls nobody, nor does an address.
pub(crate) fn calls(text: &str, most: usize) -> Vec<Vec<String>> {
    let (mut calls, mut before) = (Vec::new(), ' ');
    for prose in prose(text) {
        for (at, letter) in prose.char_indices() {
            if letter == '@' && !belongs_to_a_word(before) && calls.len() < most {
                let names = names(&prose[at + 1..]);
                if !names.is_empty() {
                    calls.push(names);
                }
            }
            before = letter;
        }
        before = '`';
    }
    calls
}

/// The stretches of `text` outside code. As in Markdown, so many backticks are closed by just as many; those that are
/// not closed are text, unless they fence all that comes after them.
fn prose(text: &str) -> Vec<&str> {
    let (mut prose, mut begun, mut at) = (Vec::new(), 0, 0);
    while let Some((open, ticks)) = backticks(text, at) {
        let close =
            std::iter::successors(backticks(text, open + ticks), |(from, run)| backticks(text, from + run))
                .find(|(_, run)| *run == ticks);
        at = match close {
            Some((close, _)) => close + ticks,
            None if is_fence(text, open, ticks) => text.len(),
            None => {
                at = open + ticks;
                continue;
            }
        };
        prose.push(&text[begun..open]);
        begun = at;
    }
    prose.push(&text[begun..]);
    prose
}

/// The first backticks from `from` on that stand together: where, and how many.
fn backticks(text: &str, from: usize) -> Option<(usize, usize)> {
    let at = from + text[from..].find('`')?;
    Some((at, text[at..].bytes().take_while(|byte| *byte == b'`').count()))
}

/// Whether these backticks begin a block of code rather than a word of it.
fn is_fence(text: &str, at: usize, ticks: usize) -> bool {
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    ticks >= 3 && line.len() <= 3 && line.bytes().all(|byte| byte == b' ')
}

fn names(rest: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, letter) in rest.char_indices().take(protocol::limits::NAME_CHARS) {
        if matches!(letter, '\n' | '@' | '`') || (at == 0 && letter.is_whitespace()) {
            break;
        }
        let next = rest[at + letter.len_utf8()..].chars().next();
        let ends = next.is_none_or(|next| !belongs_to_a_word(next) || !belongs_to_a_word(letter));
        if !letter.is_whitespace() && ends {
            names.push(fold(&rest[..at + letter.len_utf8()]));
            if names.len() == ENDS {
                break;
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names.dedup();
    names.reverse();
    names
}

/// Whether a letter goes on with the word beside it. Those of scripts without spaces stand alone.
fn belongs_to_a_word(letter: char) -> bool {
    letter.is_alphanumeric() && !is_cjk(letter) && !is_of_south_east_asia(letter)
}

/// Thai, Lao, Burmese, Khmer: they put no spaces between words either.
const fn is_of_south_east_asia(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_name_comes_first() {
        let names = ["léa dupont, see", "léa dupont,", "léa dupont", "léa"];
        assert_eq!(calls("Hi @Léa Dupont, see", 9), [names]);
        assert_eq!(calls("@room!", 9), [["room!", "room"]]);
    }

    #[test]
    fn a_name_may_end_in_whatever_names_end_in() {
        let named = [
            "Anna (QA)",
            "C++",
            "J.R.",
            "👩\u{200d}🚀",
            "Rene\u{301}",
            "विराट्",
            "陈思远",
            "สมชาย",
            "O'Neil-Smith Jr.",
        ];
        for name in named {
            let called = calls(&format!("well, @{name}? yes"), 9);
            assert!(called[0].contains(&fold(name)), "{name}: {called:?}");
        }
        assert!(
            calls("@陈思远你好", 9)[0].contains(&"陈思远".to_owned()),
            "where no spaces are, none is needed"
        );
        assert!(calls("你好@陈思远", 9)[0].contains(&"陈思远".to_owned()), "nor before it");
        assert!(!calls("@علياء", 9)[0].contains(&"علي".to_owned()), "a longer word is another word");
    }

    #[test]
    fn addresses_and_code_call_nobody() {
        for text in [
            "lea@example.org",
            "`@lea`",
            "``@lea``",
            "`` ` @lea ``",
            "```\n@lea\n```",
            "```\n@lea",
            "@ lea",
            "@",
            "@@",
        ] {
            assert!(calls(text, 9).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_backtick_that_nothing_closes_is_text() {
        for text in ["a ` b @lea", "`` a ` @lea", "a ``` b @lea", "`a` @lea", "`@bob` and @lea"] {
            assert_eq!(calls(text, 9), [["lea"]], "{text}");
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
