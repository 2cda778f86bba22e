//! The slot whose wrapping key the system's keyring keeps.

use super::{Name, WrappingKey};
use crate::error::{OpenError, SlotError};
use crate::key;
use crate::keyring::{Keyring, KeyringError};

pub(super) fn make(keyring: &dyn Keyring, name: &Name<'_>) -> Result<WrappingKey, SlotError> {
    let wrapping_key = key::random()?;
    keyring.set(&name.entry(), &*wrapping_key)?;
    Ok(wrapping_key)
}

pub(super) fn wrapping_key(keyring: &dyn Keyring, name: &Name<'_>) -> Result<WrappingKey, OpenError> {
    match keyring.get(&name.entry()) {
        Ok(secret) => match secret.as_slice().try_into() {
            Ok(bytes) => Ok(WrappingKey::new(bytes)),
            Err(_) => Err(OpenError::EntryMissing),
        },
        // A keyring that is not there at all also answers "missing"; one that can store is there.
        Err(KeyringError::Missing) => match keyring.probe() {
            Ok(()) => Err(OpenError::EntryMissing),
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}
