//! The slot a person opens by typing a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use super::{Way, WrappingKey};
use crate::error::{OpenError, SlotError};
use crate::key;

/// How costly one guess is. Stored with the slot, so that it can rise without breaking old vaults.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Cost {
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Typed once per start: a few tenths of a second are fine, and each guess costs 64 MiB.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

/// A slot file that asks for more than this was not written by Hearth and would exhaust the machine.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

pub(super) fn make(text: &str) -> Result<(Way, WrappingKey), SlotError> {
    if text.is_empty() {
        return Err(SlotError::EmptyPassphrase);
    }
    let salt = key::random::<16>()?;
    let cost = Cost { salt: hex::encode(*salt), memory_kib: MEMORY_KIB, passes: PASSES, lanes: 1 };
    let wrapping_key = stretch(&cost, text).expect("our own cost is within Argon2's limits");
    Ok((Way::Passphrase(cost), wrapping_key))
}

pub(super) fn wrapping_key(cost: &Cost, text: &str) -> Result<WrappingKey, OpenError> {
    stretch(cost, text).ok_or_else(|| OpenError::Damaged("slots.json asks for an impossible cost".to_owned()))
}

fn stretch(cost: &Cost, text: &str) -> Option<WrappingKey> {
    if cost.memory_kib > MOST_MEMORY_KIB || cost.passes > MOST_PASSES || cost.lanes > 16 {
        return None;
    }
    let salt = hex::decode(&cost.salt).ok()?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).ok()?;
    let mut key = WrappingKey::default();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(text.as_bytes(), &salt, &mut *key).ok()?;
    Some(key)
}
