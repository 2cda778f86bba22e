//! What may be said on the command line, checked before anything else runs. It refuses to act on a link: the window asks.

use clap::Parser;

/// Longest name of a profile: it becomes the name of a folder.
const PROFILE_CHARS: usize = 32;

/// Hearth on the desktop.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, about = "Team chat that you host yourself")]
pub(crate) struct Arguments {
    /// The profile to open; profiles know nothing of each other and run side by side
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = profile)]
    pub profile: String,
    /// A hearth:// link to open; it only asks
    #[arg(value_name = "LINK", value_parser = link)]
    pub link: Option<String>,
}

fn profile(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=PROFILE_CHARS).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("use 1 to {PROFILE_CHARS} of the letters a to z, digits, - and _"))
    }
}

fn link(text: &str) -> Result<String, String> {
    if text.starts_with("hearth://") {
        Ok(text.to_owned())
    } else {
        Err("a link starts with hearth://".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_can_not_leave_its_folder() {
        for name in ["../bob", "", "a/b", ".", "a b", &"x".repeat(33)] {
            assert!(Arguments::try_parse_from(["hearth", "--profile", name]).is_err(), "{name}");
        }
        let arguments = Arguments::try_parse_from(["hearth", "--profile", "alice-2"]).unwrap();
        assert_eq!(arguments.profile, "alice-2");
    }

    #[test]
    fn only_links_of_ours_are_taken() {
        assert!(Arguments::try_parse_from(["hearth", "https://example.org"]).is_err());
        let arguments = Arguments::try_parse_from(["hearth", "hearth://join/x"]).unwrap();
        assert_eq!(
            (arguments.profile.as_str(), arguments.link.as_deref()),
            ("default", Some("hearth://join/x"))
        );
    }
}
