//! Settings: a file of TOML, and after each byte of zero another text: variables, overrides and secrets as `key=value`.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the program uses more of it")]

use libfuzzer_sys::fuzz_target;

#[path = "../../server-core/src/bin/hearth-server"]
mod hearth_server {
    pub(crate) mod settings;
}

use hearth_server::settings::{self, Sources};

fuzz_target!(|text: &str| {
    let mut texts = text.split('\0');
    let file = std::env::temp_dir().join(format!("hearth-fuzz-{}.toml", std::process::id()));
    std::fs::write(&file, texts.next().unwrap_or_default()).expect("a folder for temporary files");
    let mut sources = Sources { file: Some(file), ..Sources::default() };
    for text in texts {
        match text.split_once('=') {
            // Secrets from files would read any path of this computer.
            Some((name, _)) if name.to_ascii_lowercase().contains("_file") => {}
            Some((name, value)) if name.starts_with("HEARTH_") => {
                sources.environment.push((name.to_owned(), value.to_owned()));
            }
            _ => sources.overrides.push(text.to_owned()),
        }
    }
    match settings::load(&sources) {
        Ok(loaded) => {
            let _ = loaded.settings.config();
            // What is shown can be read again.
            toml_again(&loaded.shown);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fn toml_again(shown: &str) {
    shown.parse::<toml::Table>().expect("what is shown is TOML");
}
