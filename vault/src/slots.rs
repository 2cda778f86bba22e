//! The ways to a vault's key, each wrapping the same key under a secret of its own.
//!
//! `slots.json` holds only wrapped keys (AES-256-GCM, bound to the vault and the slot) and what is needed
//! to ask for the secret. A slot is written only after the file was opened with the key that comes out
//! of it, and the last one is never removed.

mod key_file;
mod keyring;
mod passphrase;
pub(crate) mod recovery;

use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{OpenError, SlotError};
use crate::files::{self, Place};
use crate::key::{self, VaultKey};
use crate::keyring::Keyring;
use crate::{Inner, open};

/// The kinds of slots. A vault has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A random secret in the system's keyring.
    Keyring,
    /// A passphrase, through Argon2id.
    Passphrase,
    /// A printed recovery code.
    Recovery,
    /// A file only its owner may read, for machines without people.
    KeyFile,
}

impl std::fmt::Display for SlotKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keyring => "keyring entry",
            Self::Passphrase => "passphrase",
            Self::Recovery => "recovery code",
            Self::KeyFile => "key file",
        })
    }
}

/// A secret to open a vault with, or to make a slot of.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// The entry this vault has, or gets, in the keyring.
    Keyring(&'a dyn Keyring),
    /// What the person types. Taken byte for byte.
    Passphrase(&'a str),
    /// A [`crate::RecoveryCode`] as typed: case, spaces and dashes do not matter.
    Recovery(&'a str),
    /// A file of 64 hexadecimal digits with mode 0600. Making a slot of a file that does not exist
    /// creates it.
    KeyFile(&'a Path),
}

impl Unlock<'_> {
    /// The kind of slot this opens or makes.
    #[must_use]
    pub fn kind(&self) -> SlotKind {
        match self {
            Self::Keyring(_) => SlotKind::Keyring,
            Self::Passphrase(_) => SlotKind::Passphrase,
            Self::Recovery(_) => SlotKind::Recovery,
            Self::KeyFile(_) => SlotKind::KeyFile,
        }
    }
}

impl std::fmt::Debug for Unlock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unlock({:?})", self.kind())
    }
}

/// What can be known of a vault without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The ways in, oldest first.
    pub slots: Vec<SlotKind>,
    /// Where the key file was when its slot was made.
    pub key_file: Option<PathBuf>,
}

/// Says which ways into the vault in `dir` there are, so that the right one can be asked for.
///
/// # Errors
/// [`OpenError::Missing`] and [`OpenError::Damaged`] above all.
pub fn peek(dir: &Path) -> Result<Peek, OpenError> {
    let place = Place::new(dir);
    let list = SlotList::read(&place)?;
    Ok(Peek { slots: list.kinds(), key_file: list.key_file(&place) })
}

/// The newest layout of `slots.json`.
const FORMAT: u32 = 1;

/// The content of `slots.json`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SlotList {
    format: u32,
    vault: String,
    slots: Vec<Slot>,
}

/// `slots.json` with a checksum, which tells damage from a wrong key.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(flatten)]
    list: SlotList,
    sha256: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Slot {
    id: String,
    #[serde(flatten)]
    way: Way,
    nonce: String,
    wrapped: String,
}

/// What a slot remembers of the way to its wrapping key. Nothing here is secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Way {
    Keyring,
    Passphrase(passphrase::Cost),
    Recovery { salt: String },
    KeyFile { path: PathBuf },
}

type WrappingKey = Zeroizing<[u8; 32]>;

/// A slot's identity: what its wrapped key is bound to.
struct Name<'a> {
    vault: &'a str,
    slot: &'a str,
}

impl SlotList {
    pub(crate) fn new() -> Result<Self, key::Randomness> {
        Ok(Self { format: FORMAT, vault: hex::encode(*key::random::<16>()?), slots: Vec::new() })
    }

    pub(crate) fn read(place: &Place) -> Result<Self, OpenError> {
        let path = place.slots();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(if place.taken() {
                    OpenError::Damaged("slots.json is missing".to_owned())
                } else {
                    OpenError::Missing(place.dir().to_owned())
                });
            }
            Err(error) => return Err(OpenError::io(&path, error)),
        };
        let damaged = || OpenError::Damaged("slots.json is not whole".to_owned());
        let header: Header = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if header.format > FORMAT {
            return Err(OpenError::NewerSchema { found: header.format, known: FORMAT });
        }
        let sealed: Sealed = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if sealed.list.sum() == sealed.sha256 { Ok(sealed.list) } else { Err(damaged()) }
    }

    pub(crate) fn write(&self, place: &Place) -> std::io::Result<()> {
        let sealed = Sealed { list: self.clone(), sha256: self.sum() };
        let text = serde_json::to_vec_pretty(&sealed)?;
        files::replace(&place.slots(), &text)
    }

    pub(crate) fn kinds(&self) -> Vec<SlotKind> {
        self.slots.iter().map(|slot| slot.way.kind()).collect()
    }

    pub(crate) fn key_file(&self, place: &Place) -> Option<PathBuf> {
        self.slots.iter().find_map(|slot| match &slot.way {
            Way::KeyFile { path } => Some(place.dir().join(path)),
            _ => None,
        })
    }

    /// The key file's path within the folder, if that is where it is.
    pub(crate) fn inner_key_file(&self) -> Option<PathBuf> {
        self.slots.iter().find_map(|slot| match &slot.way {
            Way::KeyFile { path } if path.is_relative() => Some(path.clone()),
            _ => None,
        })
    }

    /// The vault's key, out of the slot that `unlock` fits.
    pub(crate) fn unwrap(&self, unlock: Unlock<'_>) -> Result<VaultKey, OpenError> {
        let kind = unlock.kind();
        let slot = self.slots.iter().find(|slot| slot.way.kind() == kind);
        let slot = slot.ok_or(OpenError::NoSlot(kind))?;
        let name = Name { vault: &self.vault, slot: &slot.id };
        let wrapping_key = match (&slot.way, unlock) {
            (Way::Keyring, Unlock::Keyring(keyring)) => keyring::wrapping_key(keyring, &name)?,
            (Way::Passphrase(cost), Unlock::Passphrase(text)) => passphrase::wrapping_key(cost, text)?,
            (Way::Recovery { salt }, Unlock::Recovery(typed)) => recovery::wrapping_key(salt, typed)?,
            (Way::KeyFile { .. }, Unlock::KeyFile(path)) => key_file::wrapping_key(path, &name)?,
            _ => return Err(OpenError::NoSlot(kind)),
        };
        slot.unwrap(&name, &wrapping_key).ok_or(OpenError::WrongKey(kind))
    }

    /// This list with a slot for `unlock` in the place of one of the same kind.
    pub(crate) fn with(&self, unlock: Unlock<'_>, key: &VaultKey, place: &Place) -> Result<Self, SlotError> {
        let id = hex::encode(*key::random::<8>()?);
        let name = Name { vault: &self.vault, slot: &id };
        let (way, wrapping_key) = match unlock {
            Unlock::Keyring(keyring) => (Way::Keyring, keyring::make(keyring, &name)?),
            Unlock::Passphrase(text) => passphrase::make(text)?,
            Unlock::Recovery(typed) => recovery::make(typed)?,
            Unlock::KeyFile(path) => key_file::make(path, place, &name)?,
        };
        let slot = Slot::wrap(&name, way, &wrapping_key, key)?;
        let mut list = self.clone();
        list.slots.retain(|old| old.way.kind() != unlock.kind());
        list.slots.push(slot);
        Ok(list)
    }

    /// Drops the keyring entry that `list` had and this one has not. Best effort: without its slot the
    /// entry opens nothing.
    pub(crate) fn forget_entries_of(&self, list: &Self, unlock: Unlock<'_>) {
        let Unlock::Keyring(keyring) = unlock else { return };
        for slot in list.slots.iter().filter(|slot| matches!(slot.way, Way::Keyring)) {
            if !self.slots.iter().any(|kept| kept.id == slot.id) {
                let name = Name { vault: &self.vault, slot: &slot.id };
                if let Err(error) = keyring.delete(&name.entry()) {
                    tracing::debug!(%error, "a keyring entry without use stays");
                }
            }
        }
    }

    fn sum(&self) -> String {
        key::sha256_hex(&serde_json::to_vec(self).expect("the list is plain text"))
    }
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Slot {
    fn wrap(name: &Name<'_>, way: Way, with: &WrappingKey, key: &VaultKey) -> Result<Self, SlotError> {
        let nonce = *key::random::<12>()?;
        let mut wrapped = Zeroizing::new(key.as_bytes().to_vec());
        cipher(with)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), name.bound(&way), &mut *wrapped)
            .expect("32 bytes are within AES-GCM's limit");
        let wrapped = hex::encode(&*wrapped);
        Ok(Self { id: name.slot.to_owned(), way, nonce: hex::encode(nonce), wrapped })
    }

    fn unwrap(&self, name: &Name<'_>, with: &WrappingKey) -> Option<VaultKey> {
        let nonce: [u8; 12] = hex::decode(&self.nonce).ok()?.try_into().ok()?;
        let mut wrapped = Zeroizing::new(hex::decode(&self.wrapped).ok()?);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let key = cipher(with).open_in_place(nonce, name.bound(&self.way), &mut wrapped).ok()?;
        VaultKey::from_bytes(key)
    }
}

impl Way {
    fn kind(&self) -> SlotKind {
        match self {
            Self::Keyring => SlotKind::Keyring,
            Self::Passphrase(_) => SlotKind::Passphrase,
            Self::Recovery { .. } => SlotKind::Recovery,
            Self::KeyFile { .. } => SlotKind::KeyFile,
        }
    }
}

impl Name<'_> {
    /// The keyring entry's name: another vault, or another slot of this one, never shares it.
    fn entry(&self) -> String {
        format!("vault-{}-{}", self.vault, self.slot)
    }

    fn bound(&self, way: &Way) -> Aad<Vec<u8>> {
        let bound = serde_json::to_vec(&(FORMAT, self.vault, self.slot, way));
        Aad::from(bound.expect("a slot's way is plain text"))
    }
}

fn cipher(key: &WrappingKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &**key).expect("the key has 32 bytes"))
}

/// Adds or replaces a slot of an open vault.
pub(crate) fn add(inner: &Inner, unlock: Unlock<'_>) -> Result<(), SlotError> {
    let _turn = inner.slot_change.lock().expect("nothing panics while it changes slots");
    let old = inner.slots.lock().expect("nothing panics while it holds the list").clone();
    let new = old.with(unlock, &inner.key, &inner.place)?;
    let kept = verify(&new, unlock, &inner.place.database()).and_then(|()| write(&new, &inner.place));
    if let Err(error) = kept {
        old.forget_entries_of(&new, unlock);
        return Err(error);
    }
    new.forget_entries_of(&old, unlock);
    *inner.slots.lock().expect("nothing panics while it holds the list") = new;
    Ok(())
}

/// Removes a slot of an open vault.
pub(crate) fn remove(inner: &Inner, kind: SlotKind) -> Result<(), SlotError> {
    let _turn = inner.slot_change.lock().expect("nothing panics while it changes slots");
    let mut new = inner.slots.lock().expect("nothing panics while it holds the list").clone();
    if !new.kinds().contains(&kind) {
        return Err(SlotError::NotThere(kind));
    }
    if new.slots.len() == 1 {
        return Err(SlotError::LastSlot(kind));
    }
    new.slots.retain(|slot| slot.way.kind() != kind);
    write(&new, &inner.place)?;
    *inner.slots.lock().expect("nothing panics while it holds the list") = new;
    Ok(())
}

/// Opens the file with the key that comes out of the new slot.
pub(crate) fn verify(list: &SlotList, unlock: Unlock<'_>, database: &Path) -> Result<(), SlotError> {
    let tried = list.unwrap(unlock).and_then(|key| open::try_key(database, &key));
    tried.map_err(|source| SlotError::NotVerified { kind: unlock.kind(), source: Box::new(source) })
}

pub(crate) fn write(list: &SlotList, place: &Place) -> Result<(), SlotError> {
    list.write(place).map_err(|source| SlotError::Io { path: place.slots(), source })
}

pub(crate) fn randomness(error: key::Randomness) -> SlotError {
    SlotError::Randomness(error)
}
