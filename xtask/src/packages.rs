//! Debian packages by name: which are missing, and how they come.
//!
//! Asks dpkg first, so that a second run costs nothing. Installs only as root or by a sudo that asks nothing; else it
//! says which packages are lacking and the command that installs them.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// What every Rust build here needs.
const BUILD: &[&str] = &["build-essential", "pkg-config", "libssl-dev"];
/// What the desktop window needs besides.
const DESKTOP: &[&str] = &["libwebkit2gtk-4.1-dev", "librsvg2-dev"];
/// What the stories need besides. Not `dbus-x11`: with it, GTK starts stray buses that stay behind.
pub(crate) const STORIES: &[&str] = &[
    "avahi-daemon",
    "avahi-utils",
    "chromium",
    "dbus",
    "e2fsprogs",
    "fonts-noto-cjk",
    "fonts-noto-color-emoji",
    "gnome-keyring",
    "imagemagick",
    "iproute2",
    "libsecret-tools",
    "pebble",
    "procps",
    "python3",
    "webkit2gtk-driver",
    "xauth",
    "xvfb",
];

/// Whether this is a Debian or one of its children.
pub(crate) fn is_debian() -> bool {
    Command::new("dpkg").arg("--version").output().is_ok_and(|answer| answer.status.success())
}

/// Those of `wanted` that dpkg does not have.
fn missing<'a>(wanted: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&str| {
        Command::new("dpkg-query")
            .args(["-W", "-f", "${db:Status-Status}", package])
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|query| query.stdout == b"installed")
    };
    wanted.iter().copied().filter(|package| !installed(package)).collect()
}

/// Installs those of `wanted` that are missing.
///
/// # Errors
/// When it may not or can not; the message names what is lacking and the command.
pub(crate) fn install(wanted: &[&str]) -> Result<String> {
    if !is_debian() {
        bail!(
            "this is no Debian, so nothing was installed; needed are the equivalents of: {}",
            wanted.join(" ")
        );
    }
    let lacking = missing(wanted);
    if lacking.is_empty() {
        return Ok(format!("{} packages are there", wanted.len()));
    }
    let by_hand = format!("apt-get install --no-install-recommends {}", lacking.join(" "));
    let Some(prefix) = privilege() else {
        bail!("these packages are lacking and this user may not install them; run as root:\n  {by_hand}");
    };
    println!("installing {}", lacking.join(" "));
    let apt = |arguments: &[&str]| {
        let mut words = prefix.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
        let program = words.next().expect("there is at least env");
        works(Command::new(program).args(words).args(arguments))
    };
    let install = [&["install", "-y", "--no-install-recommends"], lacking.as_slice()].concat();
    // The lists may be there and fresh; fetching them first would cost every machine for the few that need it.
    let installed = apt(&install) || (apt(&["update"]) && apt(&install));
    if !installed {
        bail!("apt-get could not install them; run as root and see why:\n  {by_hand}");
    }
    Ok(format!("{} installed", lacking.len()))
}

/// Installs what a build needs, or finds it there under other names.
///
/// # Errors
/// When it is neither.
pub(crate) fn install_for_build(display: bool) -> Result<String> {
    let (wanted, modules): (Vec<&str>, &[&str]) = if display {
        ([BUILD, DESKTOP].concat(), &["openssl", "webkit2gtk-4.1"])
    } else {
        (BUILD.to_vec(), &["openssl"])
    };
    match install(&wanted) {
        Err(reason) if has_modules(modules) => {
            println!("note: {reason:#}\nnote: what the build needs seems to be there, going on");
            Ok("going on with what is there".into())
        }
        outcome => outcome,
    }
}

/// How a command becomes root: not at all, by sudo without a question, or never.
fn privilege() -> Option<&'static [&'static str]> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    if root {
        return Some(&[]);
    }
    works(Command::new("sudo").args(["-n", "true"]).stderr(Stdio::null())).then_some(&["sudo", "-n"])
}

/// Whether every pkg-config module of `modules` is there, for systems whose packages have other names.
fn has_modules(modules: &[&str]) -> bool {
    works(Command::new("pkg-config").arg("--exists").args(modules).stderr(Stdio::null()))
}

fn works(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::inherit()).status().is_ok_and(|status| status.success())
}
