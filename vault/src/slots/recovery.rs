//! The slot a person opens with a printed code.
//!
//! The code is 160 random bits, so no stretching is needed; a checksum tells a slip of the pen from a
//! code of another vault before anything is tried.

use ring::digest;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Way, WrappingKey};
use crate::error::{OpenError, SlotError};
use crate::key::{self, Randomness};

/// Crockford's base 32: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BYTES: usize = 20;
/// 32 letters of code and 4 of checksum, in 6 groups of 6.
const LETTERS: usize = 36;
const GROUP: usize = 6;

/// A way in on paper.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; BYTES]);

/// Why a text is no recovery code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// Too few or too many letters.
    #[error("it has {0} letters and digits instead of 36; check that all six groups are there")]
    Length(usize),
    /// A sign that no code contains.
    #[error("it contains \"{0}\", which no code does; check that letter")]
    Letter(char),
    /// The letters do not belong together.
    #[error("some letter is mistyped; compare it with the printed code")]
    Checksum,
}

impl RecoveryCode {
    pub(crate) fn random() -> Result<Self, Randomness> {
        Ok(Self(*key::random::<BYTES>()?))
    }

    /// The code as it is shown and printed: `XXXXXX-XXXXXX-…`, six groups. Show it, do not store it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.0.to_vec());
        bytes.extend(self.checksum());
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for at in 0..LETTERS {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[five_bits(&bytes, at)]));
        }
        text
    }

    /// Reads a code as typed: case, spaces and dashes do not matter, O is 0, I and L are 1.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let mut values = Zeroizing::new(Vec::with_capacity(LETTERS));
        for letter in typed.chars().filter(|letter| !is_separator(*letter)) {
            values.push(value(letter).ok_or(CodeError::Letter(letter))?);
        }
        if values.len() != LETTERS {
            return Err(CodeError::Length(values.len()));
        }
        let mut bytes = Zeroizing::new([0_u8; BYTES + 3]);
        for (at, value) in values.iter().enumerate() {
            put_five_bits(&mut *bytes, at, *value);
        }
        let mut code = Self([0; BYTES]);
        code.0.copy_from_slice(&bytes[..BYTES]);
        if code.checksum() == bytes[BYTES..] { Ok(code) } else { Err(CodeError::Checksum) }
    }

    /// 20 bits, in 3 bytes: a mistyped code passes once in a million.
    fn checksum(&self) -> [u8; 3] {
        let mut text = Zeroizing::new(b"hearth recovery code".to_vec());
        text.extend(self.0);
        let sum = digest::digest(&digest::SHA256, &text);
        let sum = sum.as_ref();
        [sum[0], sum[1], sum[2] & 0xf0]
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

pub(super) fn make(typed: &str) -> Result<(Way, WrappingKey), SlotError> {
    let code = RecoveryCode::parse(typed)?;
    let salt = key::random::<16>()?;
    let wrapping_key = stretch(&code, &*salt);
    Ok((Way::Recovery { salt: hex::encode(*salt) }, wrapping_key))
}

pub(super) fn wrapping_key(salt: &str, typed: &str) -> Result<WrappingKey, OpenError> {
    let code = RecoveryCode::parse(typed)?;
    let salt = hex::decode(salt).map_err(|_| OpenError::Damaged("slots.json holds no salt".to_owned()))?;
    Ok(stretch(&code, &salt))
}

fn stretch(code: &RecoveryCode, salt: &[u8]) -> WrappingKey {
    key::hkdf_sha256(&code.0, salt, b"hearth recovery slot")
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '_' | '.')
}

fn value(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
    u8::try_from(at).ok()
}

fn five_bits(bytes: &[u8], at: usize) -> usize {
    (0..5).fold(0, |value, bit| {
        let bit = at * 5 + bit;
        value << 1 | usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1)
    })
}

fn put_five_bits(bytes: &mut [u8], at: usize, value: u8) {
    for bit in 0..5 {
        let to = at * 5 + bit;
        bytes[to / 8] |= (value >> (4 - bit) & 1) << (7 - to % 8);
    }
}
