//! How the platforms' errors are named; the real services are met in the crate's stories.

use super::*;

#[test]
fn a_dismissed_prompt_means_refused_only_where_it_could_be_shown() {
    assert_eq!(no_access("Prompt", true), KeyringError::Refused);
    assert_eq!(no_access("Prompt", false), KeyringError::Locked);
    assert_eq!(no_access("Locked", true), KeyringError::Locked);
    assert_eq!(no_access("NoResult", true), KeyringError::NoService);
}

#[test]
fn an_error_never_quotes_what_is_stored() {
    let secret = b"hunter2".to_vec();
    for error in [
        Error::BadEncoding(secret.clone()),
        Error::BadDataFormat(secret, Box::new(std::io::Error::other("hunter2"))),
    ] {
        let told = named(&error);
        assert!(!format!("{told} {told:?}").contains("hunter2"));
    }
}

#[test]
fn a_cancelled_request_is_a_refusal() {
    let cancelled = Box::new(std::io::Error::other("User canceled the operation."));
    assert_eq!(named(&Error::PlatformFailure(cancelled)), KeyringError::Refused);
}
