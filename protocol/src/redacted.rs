//! Strings that must never reach a log: secrets and what people wrote. Their `Debug` shows a length only.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

macro_rules! redacted {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(pub String);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

redacted!(
    /// A password, token or invite secret.
    Secret
);
redacted!(
    /// The text of a message: Markdown source, shown through components and never as HTML.
    Text
);
redacted!(
    /// The bytes of a picture, base64url without padding.
    Picture
);
