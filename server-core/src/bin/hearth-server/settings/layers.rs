//! Putting the layers of settings over each other: default, file, environment, overrides.
//!
//! The default file is the one list of what can be set; a name outside it is refused with the nearest known one.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::DEFAULT;

/// Settings that are never shown, and may be given as files.
const SECRETS: [&str; 2] = ["vault.passphrase", "acme.external_account_key"];

/// What stands in the place of a secret that is set.
const MASK: &str = "********";

/// Before the section in the names of environment variables.
const PREFIX: &str = "HEARTH_";

/// A secret's file is no longer than this, in bytes.
const SECRET_BYTES: usize = 64 * 1024;

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

/// Why the settings do not hold. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A file can't be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML. The text around the fault is not shown: it may be a secret.
    #[error("{} line {line} is not TOML: {problem}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What the reader said.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// Who said it.
        origin: String,
        /// What was said.
        name: String,
        /// The known name most like it.
        nearest: String,
    },
    /// A value is of the wrong kind.
    #[error("{origin}: `{name}` must be {expected}")]
    Kind {
        /// Who said it.
        origin: String,
        /// Which setting.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An override without an equals sign.
    #[error("-O takes section.key=value; an equals sign is missing")]
    Override,
    /// A value does not make sense.
    #[error("{0}")]
    Value(String),
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
            if path.exists() {
                put(&mut merged, name, read_secret(&path)?);
            }
        }
    }
    for (variable, text) in &sources.environment {
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
    let fail = |source| SettingsError::Read { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(fail)?;
    let table = toml::from_str::<Table>(&text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1)),
        problem: error.message().to_owned(),
    })?;
    let origin = path.display().to_string();
    for (section, value) in table {
        let Value::Table(keys) = value else { return Err(unknown(merged, &origin, section)) };
        if !merged.contains_key(&section) {
            return Err(unknown(merged, &origin, section));
        }
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
    if known.type_str() != value.type_str() {
        return Err(wrong_kind(origin, name, kind(known)));
    }
    put(merged, name, value);
    Ok(())
}

fn read_secret(path: &Path) -> Result<Value, SettingsError> {
    let fail = |source| SettingsError::Read { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(fail)?;
    if text.len() > SECRET_BYTES {
        return Err(SettingsError::Value(format!("{} is too long for a secret", path.display())));
    }
    Ok(Value::String(text.trim_end_matches(['\n', '\r']).to_owned()))
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

fn unknown(known: &Table, origin: &str, name: String) -> SettingsError {
    let sections = known.keys().cloned();
    let keys = known.iter().flat_map(|(section, keys)| {
        let keys = keys.as_table().into_iter().flat_map(Table::keys);
        keys.map(move |key| format!("{section}.{key}"))
    });
    let names = if name.contains('.') { keys.collect::<Vec<_>>() } else { sections.collect() };
    let nearest = names.into_iter().min_by_key(|known| strsim::damerau_levenshtein(known, &name));
    SettingsError::Unknown { origin: origin.to_owned(), name, nearest: nearest.unwrap_or_default() }
}

fn wrong_kind(origin: &str, name: &str, expected: &'static str) -> SettingsError {
    SettingsError::Kind { origin: origin.to_owned(), name: name.to_owned(), expected }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "true or false",
        Value::Integer(_) => "a whole number",
        Value::Array(_) => "a list",
        _ => "a text",
    }
}
