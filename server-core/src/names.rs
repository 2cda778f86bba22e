//! When two names are the same name.
//!
//! Shown names keep what people typed; this form exists only to compare and is never shown.

use unicode_normalization::UnicodeNormalization;

/// Calls everyone in a room.
pub(crate) const EVERYONE: &str = "room";

/// The name of every account that is gone.
pub(crate) const FORMER: &str = "former member";

/// Whether nobody may be called so, because it says something else.
pub(crate) fn is_reserved(name: &str) -> bool {
    [EVERYONE, FORMER].contains(&fold(name).as_str())
}

/// The form by which names are compared: compatibility-composed (NFKC), in lower case, without what nobody sees, and
/// with one space where there are several.
pub(crate) fn fold(name: &str) -> String {
    let seen = name.nfkc().filter(|letter| !is_unseen(*letter));
    let lower = seen.flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter });
    let folded = lower.nfkc().filter(|letter| !is_unseen(*letter)).collect::<String>();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that show nothing by themselves (Unicode, Default_Ignorable_Code_Point), and the blank Braille pattern.
fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_say_something_else_are_nobodys() {
        for name in ["room", " Ｒｏｏｍ ", "ro\u{200d}om", "Former  Member", "former\u{a0}member"] {
            assert!(is_reserved(name), "{}", name.escape_unicode());
        }
        assert!(!is_reserved("roomy") && !is_reserved("former"));
    }

    #[test]
    fn case_and_width_make_no_other_name() {
        assert_eq!(fold("Léa"), fold("LÉA"));
        assert_eq!(fold("Le\u{301}a"), fold("Léa"));
        assert_eq!(fold("Ａlice"), fold("alice"));
        assert_eq!(fold("ΟΔΥΣΣΕΥΣ"), fold("Οδυσσεύς".replace('ύ', "υ").as_str()));
        assert_ne!(fold("alice"), fold("alicia"));
    }

    #[test]
    fn what_nobody_sees_makes_no_other_name() {
        for name in [
            "al\u{200c}ice",
            "alice\u{200d}",
            "al\u{ad}ice",
            "alice\u{fe0f}",
            "\u{2800}alice",
            "alice\u{3164}",
        ] {
            assert_eq!(fold(name), fold("alice"), "{}", name.escape_unicode());
        }
        assert_eq!(fold("alice  b"), fold("alice\u{a0}b"));
        assert_eq!(fold("alice\u{3000}b"), fold("alice b"));
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(name in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&name)), fold(&name));
        }
    }
}
