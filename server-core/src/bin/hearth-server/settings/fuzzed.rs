//! What the fuzzer's target does with settings, done with all inputs that are at hand.

use crate::settings;

#[path = "../../../../../fuzz/src/config/body.rs"]
mod body;
#[path = "../../../../../fuzz/src/corpus.rs"]
mod corpus;

#[test]
fn whatever_is_set_is_refused_with_a_reason_or_shown_so_that_it_can_be_read() {
    for input in corpus::inputs("config", &["fuzz/seeds/config"]) {
        body::read(&String::from_utf8_lossy(&input));
    }
}
