//! What the fuzzer's target does with bodies of hooks, done with all inputs that are at hand.

use super::{alerts, form, github, mrkdwn, slack, text};

#[path = "../../../../fuzz/src/hooks/body.rs"]
mod body;
#[path = "../../../../fuzz/src/corpus.rs"]
mod corpus;

#[test]
fn whatever_comes_is_refused_or_fits_a_message() {
    for input in corpus::inputs("hooks", &["fuzz/seeds/hooks"]) {
        body::read(&input);
        // By every reader.
        for kind in 0..=u8::MAX {
            body::read(&[&[kind], input.get(1..).unwrap_or_default()].concat());
        }
    }
}
