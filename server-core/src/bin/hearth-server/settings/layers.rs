//! Putting the layers of settings over each other: default, file, environment, overrides.
//!
//! The default file is the one list of what can be set; a name outside it is refused with the nearest known one.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{DEFAULT, Settings, SettingsError};

/// Settings that are never shown, and may be given as files.
const SECRETS: [&str; 2] = ["vault.passphrase", "acme.external_account_key"];

/// The largest number a setting may have: enough for everything that is counted, and held by every machine.
const LARGEST: i64 = u32::MAX as i64;

/// What stands in the place of a secret that is set.
const MASK: &str = "********";

/// Before the section in the names of environment variables.
pub(crate) const PREFIX: &str = "HEARTH_";

/// A secret's file is no longer than this, in bytes.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: Vec<(String, String)>,
    /// `key=value`, the later over the earlier.
    pub(crate) overrides: Vec<String>,
    /// `$CREDENTIALS_DIRECTORY`.
    pub(crate) credentials: Option<PathBuf>,
    /// `$STATE_DIRECTORY`, for the data folder if nothing else says it.
    pub(crate) state_directory: Option<PathBuf>,
}

/// All settings in force.
pub(super) fn merge(sources: &Sources) -> Result<Table, SettingsError> {
    let mut merged = defaults();
    if let Some(path) = &sources.file {
        read_file(&mut merged, path)?;
    }
    if let Some(directory) = &sources.credentials {
        for name in SECRETS {
            let path = directory.join(name);
            if std::fs::symlink_metadata(&path).is_ok() {
                put(&mut merged, name, read_secret(&path)?);
            }
        }
    }
    for (variable, text) in &sources.environment {
        if let Some(meant) = slip_of(&merged, variable) {
            return Err(SettingsError::Variable { variable: variable.clone(), meant });
        }
        let Some(name) = setting_of(variable) else { continue };
        set_text(&mut merged, &name, text, variable)?;
    }
    for text in &sources.overrides {
        let (name, text) = text.split_once('=').ok_or(SettingsError::Override)?;
        set_text(&mut merged, name.trim(), text, "-O")?;
    }
    Ok(merged)
}

/// The settings as TOML, secrets masked.
pub(super) fn shown(merged: &Table) -> String {
    let mut masked = merged.clone();
    for name in SECRETS {
        if get(&masked, name).is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty())) {
            put(&mut masked, name, Value::String(MASK.to_owned()));
        }
    }
    toml::to_string(&masked).unwrap_or_default()
}

/// What holds when nothing is said: the default file without the marks that comment its settings out.
pub(super) fn defaults() -> Table {
    let uncommented = DEFAULT
        .lines()
        .map(|line| line.strip_prefix('#').filter(|line| is_setting(line)).unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    toml::from_str(&uncommented).expect("a test reads the default file")
}

/// Sentences begin with a space behind the mark, settings don't.
fn is_setting(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_lowercase()) && line.contains(" = ")
}

fn read_file(merged: &mut Table, path: &Path) -> Result<(), SettingsError> {
    let fail = |problem| SettingsError::Read { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(fail)?;
    let table = toml::from_str::<Table>(&text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1)),
        problem: error.message().to_owned(),
    })?;
    let origin = path.display().to_string();
    for (section, value) in table {
        if !merged.contains_key(&section) {
            return Err(unknown(merged, &origin, section));
        }
        let Value::Table(keys) = value else { return Err(wrong_kind(&origin, &section, "one section")) };
        for (key, value) in keys {
            set(merged, &format!("{section}.{key}"), value, &origin)?;
        }
    }
    Ok(())
}

/// The setting that an environment variable means; `None` if it is not one of ours.
fn setting_of(variable: &str) -> Option<String> {
    let (section, key) = variable.strip_prefix(PREFIX)?.split_once("__")?;
    Some(format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase()))
}

/// The variable that was meant by one with a single underscore between section and key. Others that begin like ours
/// may well be meant for somebody else: an orchestrator says HEARTH_SERVICE_HOST to the neighbours of `hearth`.
fn slip_of(known: &Table, variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX).filter(|rest| !rest.contains("__"))?;
    let (section, key) = rest.split_once('_')?;
    let name = format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase());
    let secret = name.strip_suffix("_file").is_some_and(|name| SECRETS.contains(&name));
    (secret || get(known, &name).is_some()).then(|| format!("{PREFIX}{section}__{key}"))
}

/// Sets what was given as a text, read as what the default is.
fn set_text(merged: &mut Table, name: &str, text: &str, origin: &str) -> Result<(), SettingsError> {
    let value = match get(merged, name) {
        Some(Value::Boolean(_) | Value::Integer(_)) => {
            text.trim().parse().unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        Some(Value::Array(_)) => list(text),
        _ => Value::String(text.to_owned()),
    };
    set(merged, name, value, origin)
}

/// A TOML array, or words between commas.
fn list(text: &str) -> Value {
    if let Ok(array @ Value::Array(_)) = text.trim().parse::<Value>() {
        return array;
    }
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
}

fn set(merged: &mut Table, name: &str, value: Value, origin: &str) -> Result<(), SettingsError> {
    if let Some(secret) = name.strip_suffix("_file").filter(|name| SECRETS.contains(name)) {
        let path = value.as_str().ok_or_else(|| wrong_kind(origin, name, "a path"))?;
        put(merged, secret, read_secret(Path::new(path))?);
        return Ok(());
    }
    let Some(known) = get(merged, name) else { return Err(unknown(merged, origin, name.to_owned())) };
    let too_large = value.as_integer().is_some_and(|number| !(0..=LARGEST).contains(&number));
    if known.type_str() != value.type_str() || too_large {
        return Err(wrong_kind(origin, name, kind(known)));
    }
    put(merged, name, value);
    // All was well before, so whatever is wrong now is wrong with this one.
    let whole = merged.clone().try_into::<Settings>();
    whole.map(drop).map_err(|error| SettingsError::Wrong {
        origin: origin.to_owned(),
        name: name.to_owned(),
        problem: error.message().trim().to_owned(),
    })
}

fn read_secret(path: &Path) -> Result<Value, SettingsError> {
    let fail = |problem| SettingsError::Read { path: path.to_owned(), problem };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(SECRET_BYTES + 1).read_to_string(&mut text).map_err(fail)?;
    let secret = text.trim_end_matches(['\n', '\r']);
    let wrong = |problem| Err(SettingsError::Value(format!("{} {problem}", path.display())));
    match () {
        () if text.len() as u64 > SECRET_BYTES => wrong("is too long for a secret"),
        // Without this, a file that was emptied by accident would mean that there is no secret at all.
        () if secret.is_empty() => wrong("is empty: there is no secret in it"),
        () => Ok(Value::String(secret.to_owned())),
    }
}

fn get<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    let (section, key) = name.split_once('.')?;
    table.get(section)?.as_table()?.get(key)
}

fn put(table: &mut Table, name: &str, value: Value) {
    let Some((section, key)) = name.split_once('.') else { return };
    if let Some(Value::Table(keys)) = table.get_mut(section) {
        keys.insert(key.to_owned(), value);
    }
}

/// The known name most like `name`. Who names a section right means a key in it; a key without its section is
/// looked for in all of them.
fn unknown(known: &Table, origin: &str, name: String) -> SettingsError {
    let keys = known.iter().flat_map(|(section, keys)| {
        let keys = keys.as_table().into_iter().flat_map(Table::keys);
        keys.map(move |key| (section.as_str(), key.as_str()))
    });
    let near = |one: &str, other: &str| strsim::damerau_levenshtein(one, other);
    let nearest = match name.split_once('.') {
        Some((section, key)) if known.contains_key(section) => keys
            .filter(|(its, _)| *its == section)
            .min_by_key(|(_, its)| near(its, key))
            .map(|(section, key)| format!("{section}.{key}")),
        Some(_) => keys.map(|(section, key)| format!("{section}.{key}")).min_by_key(|its| near(its, &name)),
        None if known.contains_key(&name) => {
            keys.filter(|(its, _)| *its == name).map(|(section, key)| format!("{section}.{key}")).next()
        }
        None => {
            let sections = known.keys().map(|section| (near(section, &name), section.clone()));
            let keys = keys.map(|(section, key)| (near(key, &name), format!("{section}.{key}")));
            sections.chain(keys).min_by_key(|(distance, _)| *distance).map(|(_, its)| its)
        }
    };
    SettingsError::Unknown { origin: origin.to_owned(), name, nearest: nearest.unwrap_or_default() }
}

fn wrong_kind(origin: &str, name: &str, expected: &'static str) -> SettingsError {
    SettingsError::Kind { origin: origin.to_owned(), name: name.to_owned(), expected }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "true or false",
        Value::Integer(_) => "a whole number between 0 and 4294967295",
        Value::Array(_) => "a list",
        _ => "a text",
    }
}
