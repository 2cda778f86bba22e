//! How large a drill is and which dice it throws: short inside every test run, long by `cargo xtask drill NAME`.
//!
//! It refuses to be silent: every drill says its rounds and its seed, so that a zero means something and a failure can
//! be had again.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

/// Set for the long form.
pub const LONG: &str = "HEARTH_DRILL";
/// Overrides the number of rounds of either form.
pub const ROUNDS: &str = "HEARTH_ROUNDS";
/// Overrides the seed.
pub const SEED: &str = "HEARTH_SEED";

/// One drill under way.
#[derive(Debug)]
pub struct Drill {
    name: &'static str,
    /// How many rounds it has.
    pub rounds: u32,
    /// What decides the moments.
    pub dice: Dice,
    seed: u64,
    begun: Instant,
}

impl Drill {
    /// A drill of `short` rounds in a test run and `long` ones by name.
    pub fn begin(name: &'static str, short: u32, long: u32) -> Self {
        let usual = if is_long() { long } else { short };
        let rounds = number(ROUNDS).and_then(|rounds| u32::try_from(rounds).ok()).unwrap_or(usual);
        let seed = number(SEED).unwrap_or_else(fresh_seed);
        let drill = Self { name, rounds, dice: Dice(seed), seed, begun: Instant::now() };
        if is_long() {
            drill.say("begins");
        }
        drill
    }

    /// Says `what` past the capture of the test runner.
    pub fn say(&self, what: impl Display) {
        let (name, rounds, seed) = (self.name, self.rounds, self.seed);
        let seconds = self.begun.elapsed().as_secs();
        let line = format!("drill {name}: {rounds} rounds, seed {seed}, {seconds} s: {what}\n");
        // Nobody listens any more if this fails.
        let _ = std::io::stdout().write_all(line.as_bytes());
    }

    /// Says how far it is, in the long form, now and then.
    pub fn after_round(&self, round: u32, what: impl Display) {
        if is_long() && (round.is_multiple_of(20) || self.rounds <= 40) {
            self.say(format_args!("after {round}: {what}"));
        }
    }
}

/// Whether the long form is asked for.
pub fn is_long() -> bool {
    std::env::var_os(LONG).is_some()
}

/// Whether this process is root, which mounts and namespaces need; where not, the story says that it is skipped.
pub fn may_mount(story: &str) -> bool {
    !crate::network::skipped(story)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text:?}")))
}

fn fresh_seed() -> u64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u32::from_le_bytes(bytes).into()
}

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("less than end")
    }

    /// A time from nothing to `longest`.
    pub fn time(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.below(1_000_000) as f64 / 1e6)
    }
}

/// Times in their order: the middle one, the one of 99 in 100, and the longest, for people.
pub fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(longest) = times.last() else { return "no times".into() };
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    format!("p50 {:.1?}, p99 {:.1?}, max {:.1?} of {}", at(50), at(99), longest, times.len())
}
