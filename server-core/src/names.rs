//! When two names are the same name.
//!
//! Shown names keep what people typed; this form exists only to compare and is never shown.

use unicode_normalization::UnicodeNormalization;

/// The form by which names are compared: compatibility-composed (NFKC) and in lower case.
pub(crate) fn fold(name: &str) -> String {
    name.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_width_make_no_other_name() {
        assert_eq!(fold("Léa"), fold("LÉA"));
        assert_eq!(fold("Le\u{301}a"), fold("Léa"));
        assert_eq!(fold("Ａlice"), fold("alice"));
        assert_ne!(fold("alice"), fold("alicia"));
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(name in "\\PC{0,40}") {
            prop_assert_eq!(fold(&fold(&name)), fold(&name));
        }
    }
}
