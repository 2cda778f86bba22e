//! What the fuzzer's targets do with frames and links, done with all inputs that are at hand.

#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/frames.rs"]
mod frames;
#[path = "../../fuzz/src/links.rs"]
mod links;

#[test]
fn frames_are_read_and_written_the_same() {
    let seeds = ["protocol/tests/wire/client", "protocol/tests/wire/host", "protocol/tests/wire/newer"];
    corpus::inputs("frames", &seeds).iter().for_each(|input| frames::read(input));
}

#[test]
fn links_are_read_and_written_the_same() {
    for input in corpus::inputs("links", &["fuzz/seeds/links"]) {
        links::read(&String::from_utf8_lossy(&input));
    }
}
