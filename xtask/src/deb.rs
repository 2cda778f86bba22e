//! `cargo xtask package`: the headless host as a Debian package, made by dpkg's own tools.
//!
//! Holds the program, its unit, its settings with everything commented out but the folder, and what helps a shell.
//! Refuses to know what the program needs: dpkg looks that up in the program itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::steps::{Done, run};
use crate::tools::{cargo, npm_packages};
use crate::{packages, root, target, ui};

const NAME: &str = "hearth-server";

/// Where the unit has the host's folder.
const DATA: &str = "data_dir = \"/var/lib/hearth\"";

/// For the program of a package to start and to end, in seconds.
const PATIENCE: &str = "120";

/// Builds the host for release and packs it.
pub(crate) fn package() -> Result<ExitCode> {
    packages::install_for_build(false)?;
    npm_packages("ui")?;
    ui::build()?;
    run(cargo().args(["build", "--release", "--locked", "--package", "server-core", "--bin", NAME]))?;
    let made = pack(&target().join("release").join(NAME), "xz")?;
    println!("{}", made.display());
    Ok(ExitCode::SUCCESS)
}

/// Packs the program of the last build, unpacks it elsewhere, starts what comes out, and ends it.
pub(crate) fn check() -> Result<Done> {
    let made = pack(&target().join("debug").join(NAME), "none")?;
    let unpacked = fresh("package/unpacked")?;
    run(Command::new("dpkg-deb").arg("-x").arg(&made).arg(&unpacked))?;
    let unit = fs::read_to_string(unpacked.join("usr/lib/systemd/system/hearth-server.service"))?;
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/")).context("no ExecStart")?;
    let program = unpacked.join(started.split(' ').next().unwrap_or_default());
    // The guard passes SIGTERM on.
    let mut host = Command::new("timeout")
        .arg(PATIENCE)
        .arg(&program)
        .args(["serve", "--json", "--no-announce", "--listen", "127.0.0.1:0", "--config"])
        .arg(unpacked.join("etc/hearth/server.toml"))
        .arg("--data-dir")
        .arg(unpacked.join("var/lib/hearth"))
        .stdout(Stdio::piped())
        .spawn()
        .context("the program of the package does not start")?;
    let mut said = String::new();
    BufReader::new(host.stdout.take().context("its output was asked for")?).read_line(&mut said)?;
    run(Command::new("kill").args(["-TERM", &host.id().to_string()]))?;
    let ended = host.wait()?;
    ensure!(said.contains("\"event\":\"listening\""), "the program of the package said: {said}");
    ensure!(ended.success(), "the program of the package ended with {ended}");
    Ok(Done::Passed(made.file_name().unwrap_or_default().to_string_lossy().into_owned()))
}

/// Makes a package of `program`; says where it is.
fn pack(program: &Path, compression: &str) -> Result<PathBuf> {
    ensure!(program.exists(), "{} is not built", program.display());
    let tree = fresh("package/tree")?;
    let documents = format!("usr/share/doc/{NAME}");
    put(&tree, "usr/bin/hearth-server", &fs::read(program)?, 0o755)?;
    for (from, to) in [
        ("packaging/hearth-server.service", "usr/lib/systemd/system/hearth-server.service".to_owned()),
        ("docs/operating.md", format!("{documents}/operating.md")),
        ("docs/openapi.yaml", format!("{documents}/openapi.yaml")),
        ("CHANGELOG.md", format!("{documents}/CHANGELOG.md")),
    ] {
        put(&tree, &to, &fs::read(root().join(from))?, 0o644)?;
    }
    put(&tree, &format!("{documents}/copyright"), copyright()?.as_bytes(), 0o644)?;
    let settings = answer(Command::new(program).args(["config", "default"]))?;
    ensure!(settings.contains("#data_dir = \"\""), "the default settings name no folder");
    put(&tree, "etc/hearth/server.toml", settings.replace("#data_dir = \"\"", DATA).as_bytes(), 0o644)?;
    for (shell, to) in [
        ("bash", "usr/share/bash-completion/completions/hearth-server"),
        ("zsh", "usr/share/zsh/vendor-completions/_hearth-server"),
        ("fish", "usr/share/fish/vendor_completions.d/hearth-server.fish"),
    ] {
        put(&tree, to, answer(Command::new(program).args(["completions", shell]))?.as_bytes(), 0o644)?;
    }
    for script in ["postinst", "prerm", "postrm"] {
        let text = fs::read(root().join("packaging/debian").join(script))?;
        put(&tree, &format!("DEBIAN/{script}"), &text, 0o755)?;
    }
    put(&tree, "DEBIAN/conffiles", b"/etc/hearth/server.toml\n", 0o644)?;
    let version = answer(Command::new(program).arg("--version"))?;
    let version = version.split_whitespace().last().context("the program has no version")?;
    let architecture = answer(Command::new("dpkg").arg("--print-architecture"))?;
    let control = control(version, architecture.trim(), &needed_by(program)?);
    put(&tree, "DEBIAN/control", control.as_bytes(), 0o644)?;
    let made = target().join(format!("package/{NAME}_{version}_{}.deb", architecture.trim()));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build", &format!("-Z{compression}")])
        .args([&tree, &made]))?;
    Ok(made)
}

fn control(version: &str, architecture: &str, needed: &str) -> String {
    format!(
        "Package: {NAME}\nVersion: {version}\nArchitecture: {architecture}\nSection: net\nPriority: optional\n\
         Maintainer: The Hearth authors <maintainers@hearth.invalid>\nDepends: {needed}, ca-certificates\n\
         Description: team chat that you host yourself\n \
         The host without a window: members, rooms and history of a team, encrypted in one folder. People come by the\n \
         Hearth app or by a browser.\n"
    )
}

/// The packages whose libraries a program uses, as dpkg finds them.
fn needed_by(program: &Path) -> Result<String> {
    let folder = fresh("package/needed")?;
    // It wants to stand in a source package.
    put(
        &folder,
        "debian/control",
        format!("Source: {NAME}\n\nPackage: {NAME}\nArchitecture: any\n").as_bytes(),
        0o644,
    )?;
    let found = answer(Command::new("dpkg-shlibdeps").current_dir(&folder).arg("-O").arg(program))?;
    found.trim().strip_prefix("shlibs:Depends=").map(str::to_owned).context("dpkg finds no library")
}

fn copyright() -> Result<String> {
    let mit = fs::read_to_string(root().join("LICENSE-MIT"))?;
    Ok(format!("Apache-2.0 (/usr/share/common-licenses/Apache-2.0), or at your option:\n\n{mit}"))
}

/// What a program says on its standard output.
fn answer(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("{name} does not start"))?;
    if !output.status.success() {
        bail!("{name} ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn put(tree: &Path, to: &str, content: &[u8], mode: u32) -> Result<()> {
    let path = tree.join(to);
    fs::create_dir_all(path.parent().unwrap_or(tree))?;
    // A package keeps them as they are here, whatever this user's mask leaves of them.
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(tree)) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&path, content)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).with_context(|| to.to_owned())
}

/// An empty folder below the target folder.
fn fresh(name: &str) -> Result<PathBuf> {
    let folder = target().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
