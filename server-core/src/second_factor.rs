//! The second factor: codes of an authenticator (TOTP, RFC 6238) and the recovery codes that stand in for it.
//!
//! Pure but for the randomness of what is new: the time comes as an argument, and what was used before is the store's
//! to know. Algorithm, digits and step are those every authenticator has: SHA-1, six, 30 s.

use protocol::{Secret, UnixMillis, limits};
use totp_rs::{Builder, Totp};

use crate::error::Refusal;
use crate::identity::sha256;

/// Length of an authenticator's secret, in bytes: that of SHA-1 (RFC 4226, 4).
pub(crate) const SECRET_BYTES: usize = 20;

/// Of a recovery code: 80 random bits need no slow hash.
const RECOVERY_BYTES: usize = 10;

/// Letters of base32 (RFC 4648): in a recovery code, and between its hyphens.
const RECOVERY_LETTERS: (usize, usize) = (16, 4);

/// A code as typed, by what it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// What an authenticator shows.
    Shown([u8; 6]),
    /// The hash of a recovery code.
    Recovery([u8; 32]),
}

impl Code {
    /// Reads what a person has typed, with whatever spaces, hyphens and case; `None` if it can't be a code.
    pub(crate) fn read(typed: &Secret) -> Option<Self> {
        if typed.0.len() > limits::CODE_BYTES {
            return None;
        }
        let letters = typed.0.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-');
        let letters = letters.map(|byte| byte.to_ascii_uppercase()).collect::<Vec<_>>();
        match <[u8; 6]>::try_from(letters.as_slice()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Some(Self::Shown(digits)),
            _ if letters.len() == RECOVERY_LETTERS.0 => Some(Self::Recovery(sha256(&letters))),
            _ => None,
        }
    }
}

/// A new secret for an authenticator.
///
/// # Errors
/// Only if the system gives no randomness.
pub(crate) fn fresh() -> Result<[u8; SECRET_BYTES], Refusal> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|_| Refusal::internal())?;
    Ok(secret)
}

/// The step whose code `digits` is, around `now`: the one before and the one after count too (RFC 6238, 5.2).
pub(crate) fn step_of(secret: [u8; SECRET_BYTES], digits: [u8; 6], now: UnixMillis) -> Option<u64> {
    let digits = std::str::from_utf8(&digits).ok()?;
    totp(secret, "member", "host")?.check(digits, u64::try_from(now.0 / 1000).ok()?)
}

/// What an authenticator needs: the secret for typing, and all of it as a link.
pub(crate) fn enrolment(secret: [u8; SECRET_BYTES], member: &str, host: &str) -> Option<(Secret, Secret)> {
    let totp = totp(secret, member, host)?;
    Some((Secret(totp.secret().to_base32()), Secret(totp.to_url().ok()?)))
}

/// New recovery codes as a person keeps them, and the hashes to store.
///
/// # Errors
/// Only if the system gives no randomness.
pub(crate) fn recovery_codes() -> Result<Vec<(Secret, [u8; 32])>, Refusal> {
    let code = |_| {
        let mut bytes = [0; RECOVERY_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| Refusal::internal())?;
        let letters = totp_rs::Secret::new(bytes.into()).to_base32();
        let groups = letters.as_bytes().chunks(RECOVERY_LETTERS.1).map(String::from_utf8_lossy);
        let shown = groups.collect::<Vec<_>>().join("-").to_ascii_lowercase();
        Ok((Secret(shown), sha256(letters.as_bytes())))
    };
    (0..limits::RECOVERY_CODES).map(code).collect()
}

fn totp(secret: [u8; SECRET_BYTES], member: &str, host: &str) -> Option<Totp> {
    // A colon would end the label's first half.
    let plain = |name: &str| name.replace(':', " ");
    let builder = Builder::new().with_secret(secret.to_vec()).with_account_name(plain(member));
    builder.with_issuer(Some(plain(host))).build().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6238, appendix B, cut to six digits.
    const RFC: [(i64, &[u8; 6]); 6] = [
        (59, b"287082"),
        (1_111_111_109, b"081804"),
        (1_111_111_111, b"050471"),
        (1_234_567_890, b"005924"),
        (2_000_000_000, b"279037"),
        (20_000_000_000, b"353130"),
    ];

    #[test]
    fn codes_are_those_of_the_rfc_within_one_step() {
        for (seconds, digits) in RFC {
            let step = u64::try_from(seconds / 30).unwrap();
            for (away, expected) in
                [(-60, None), (-30, Some(step)), (0, Some(step)), (30, Some(step)), (60, None)]
            {
                let now = UnixMillis((seconds + away) * 1000);
                assert_eq!(step_of(*b"12345678901234567890", *digits, now), expected, "{seconds} {away}");
            }
        }
    }

    #[test]
    fn a_clock_before_all_time_takes_no_code() {
        assert_eq!(step_of([7; SECRET_BYTES], *b"000000", UnixMillis(-5_000)), None);
    }

    #[test]
    fn recovery_codes_are_read_as_people_type_them() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), limits::RECOVERY_CODES);
        for (code, hash) in &codes {
            assert_eq!(code.0.len(), 19, "{}", code.0);
            for typed in
                [code.0.clone(), code.0.to_uppercase(), code.0.replace('-', " "), code.0.replace('-', "")]
            {
                assert_eq!(Code::read(&Secret(format!(" {typed} "))), Some(Code::Recovery(*hash)));
            }
        }
        let mut hashes = codes.iter().map(|(_, hash)| *hash).collect::<Vec<_>>();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), limits::RECOVERY_CODES);
    }

    #[test]
    fn an_authenticator_gets_a_link_whatever_the_names() {
        let (secret, uri) = enrolment([0xab; SECRET_BYTES], "Léa: ops", "Studio:1").unwrap();
        assert_eq!(secret.0.len(), 32);
        let expected =
            format!("otpauth://totp/Studio%201:L%C3%A9a%20%20ops?secret={}&issuer=Studio%201", secret.0);
        assert_eq!(uri.0, expected);
    }

    proptest! {
        #[test]
        fn anything_may_be_typed(typed in ".{0,80}") {
            let _ = Code::read(&Secret(typed));
        }

        #[test]
        fn spaced_digits_are_a_code(number in 0u32..1_000_000) {
            let digits = format!("{number:06}");
            let typed = Secret(format!("{} {}", &digits[..3], &digits[3..]));
            prop_assert_eq!(Code::read(&typed), Some(Code::Shown(digits.as_bytes().try_into().unwrap())));
        }
    }
}
