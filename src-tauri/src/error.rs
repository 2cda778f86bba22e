//! Every failure as the window gets it: a code it may branch on, and a sentence that says what to do. It refuses to pass
//! on causes: those go to the log.

use client_core::{
    ConnectError, CreateProfileError, JoinError, OpenError, ProfileError, RequestError, SendError,
    StoreError, TimelineError,
};
use protocol::ErrorCode;
use server_core::StartError;
use vault::{KeyringError, SlotError};

use crate::view::FailureView;

/// What a command answers.
pub(crate) type Answer<T> = Result<T, FailureView>;

impl FailureView {
    /// A failure of the shell's own.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// Something was asked that needs an open vault.
    pub(crate) fn locked() -> Self {
        Self::new("locked", "Hearth is not open yet; open it first.")
    }

    /// A host was named that is not joined.
    pub(crate) fn unknown_host() -> Self {
        Self::new("unknown_host", "This host is not known here; join it first.")
    }

    /// A blocking part was cut off.
    pub(crate) fn ending() -> Self {
        Self::new("ending", "Hearth is closing; start it again.")
    }
}

impl From<vault::OpenError> for FailureView {
    fn from(error: vault::OpenError) -> Self {
        use vault::OpenError as E;
        let code = match &error {
            E::Missing(_) => "vault_missing",
            E::NoSlot(_) => "no_slot",
            E::NoKeyService => "no_keyring",
            E::Locked => "keyring_locked",
            E::Refused => "keyring_refused",
            E::EntryMissing => "keyring_entry_missing",
            E::TimedOut => "keyring_timed_out",
            E::Keyring(_) => "keyring_failed",
            E::Mistyped(_) => "mistyped",
            E::WrongKey(_) => "wrong_key",
            E::Damaged(_) => "damaged",
            E::NewerSchema { .. } => "newer_schema",
            E::InUse(_) => "in_use",
            _ => "vault",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<vault::CreateError> for FailureView {
    fn from(error: vault::CreateError) -> Self {
        match error {
            vault::CreateError::Slot(error) => error.into(),
            vault::CreateError::Open(error) => error.into(),
            other => Self::new("vault_exists", sentence(&other)),
        }
    }
}

impl From<SlotError> for FailureView {
    fn from(error: SlotError) -> Self {
        let code = match &error {
            SlotError::EmptyPassphrase => "empty_passphrase",
            SlotError::Mistyped(_) => "mistyped",
            SlotError::NotTheCode => "not_the_code",
            SlotError::Keyring(KeyringError::NoService) => "no_keyring",
            SlotError::Keyring(_) => "keyring_failed",
            _ => "slot",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<OpenError> for FailureView {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Vault(error) => error.into(),
            OpenError::Store(error) => error.into(),
        }
    }
}

impl From<CreateProfileError> for FailureView {
    fn from(error: CreateProfileError) -> Self {
        match error {
            CreateProfileError::Vault(error) => error.into(),
            CreateProfileError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for FailureView {
    fn from(error: StoreError) -> Self {
        Self::new("storage", sentence(&error))
    }
}

impl From<StartError> for FailureView {
    fn from(error: StartError) -> Self {
        let code = match error {
            StartError::Open(error) => return error.into(),
            StartError::Create(error) => return error.into(),
            StartError::PortInUse(_) => "port_in_use",
            StartError::Listen { .. } => "listen",
            StartError::Name(_) => "name",
            _ => "host",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<ConnectError> for FailureView {
    fn from(error: ConnectError) -> Self {
        let code = match &error {
            ConnectError::NotAnAddress(_) => "not_an_address",
            ConnectError::NoAnswer { .. } => "no_answer",
            ConnectError::NotAHost(_) => "not_a_host",
            ConnectError::KeyChanged { .. } => "key_changed",
            ConnectError::NotProven(_) => "not_proven",
            ConnectError::Version => "version",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<JoinError> for FailureView {
    fn from(error: JoinError) -> Self {
        let code = match error {
            JoinError::Connect(error) => return error.into(),
            JoinError::Store(error) => return error.into(),
            JoinError::Refused { code, message } => {
                return Self::new(&wire_code(code), with_capital(&message));
            }
            JoinError::NoAnswer { .. } => "no_answer",
            JoinError::KeyChanged { .. } => "key_changed",
            JoinError::InviteUsed => "invite_used",
            JoinError::InviteExpired => "invite_expired",
            JoinError::InviteRevoked => "invite_revoked",
            JoinError::InviteUnknown => "invite_unknown",
            JoinError::NameTaken => "name_taken",
            JoinError::WrongCredentials => "wrong_credentials",
            JoinError::SecondFactorRequired => "second_factor_required",
            JoinError::WrongCode => "wrong_code",
            JoinError::RegistrationClosed => "registration_closed",
            JoinError::AlreadyJoined => "already_joined",
            JoinError::Secrets(_) => "keyring_failed",
            JoinError::Interrupted => "interrupted",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<ProfileError> for FailureView {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::UnknownHost => Self::unknown_host(),
            ProfileError::Store(error) => error.into(),
        }
    }
}

impl From<RequestError> for FailureView {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::Refused(failure) => {
                return Self::new(&wire_code(failure.code), with_capital(&failure.message));
            }
            RequestError::Store(error) => return error.into(),
            RequestError::NotConnected => "not_connected",
            RequestError::NoAnswer => "no_answer",
            RequestError::Unexpected => "unexpected",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<SendError> for FailureView {
    fn from(error: SendError) -> Self {
        let code = match error {
            SendError::Store(error) => return error.into(),
            SendError::Text(_) => "out_of_bounds",
            SendError::OutboxFull { .. } => "outbox_full",
            SendError::UnknownRoom => "unknown_room",
            SendError::NotWaiting => "not_waiting",
            SendError::Randomness => "randomness",
        };
        Self::new(code, sentence(&error))
    }
}

impl From<TimelineError> for FailureView {
    fn from(error: TimelineError) -> Self {
        match error {
            TimelineError::UnknownRoom => Self::new("unknown_room", sentence(&error)),
            TimelineError::Store(error) => error.into(),
        }
    }
}

/// A code as it stands on the wire.
pub(crate) fn wire_code(code: ErrorCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(code)) => code,
        _ => "unknown".to_owned(),
    }
}

/// The crates' messages are lower case without a full stop, to be part of longer ones; a person reads a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    if let Some(cause) = error.source() {
        tracing::warn!(%error, %cause, "refused to the window");
    }
    with_capital(&error.to_string())
}

/// `text` with a capital letter and a full stop, as a person expects.
pub(crate) fn with_capital(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    first.to_uppercase().chain(letters).chain(stop.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_sentences() {
        assert_eq!(with_capital("no host answers; try again"), "No host answers; try again.");
        assert_eq!(with_capital("Did you mean it?"), "Did you mean it?");
        assert_eq!(with_capital(""), "");
    }

    #[test]
    fn refusals_of_a_host_keep_their_code() {
        assert_eq!(wire_code(ErrorCode::InviteUsed), "invite_used");
        let refused = JoinError::Refused { code: ErrorCode::RateLimited, message: "wait 3 s".into() };
        assert_eq!(FailureView::from(refused), FailureView::new("rate_limited", "Wait 3 s."));
    }

    #[test]
    fn a_port_in_use_is_told_apart() {
        let failure = FailureView::from(StartError::PortInUse(([0, 0, 0, 0], 7717).into()));
        assert_eq!(failure.code, "port_in_use");
        assert!(failure.message.contains("7717"));
    }
}
