//! The golden frames of `protocol/tests/wire`, as requests to a real host: a new request comes into every test that
//! asks them all by itself.

use serde_json::Value;

/// The ids that stand in golden frames.
pub(crate) const ROOM: &str = "0199c1c4-7a3e-7cc0-8f0e-2b7f6f1d3a01";
pub(crate) const MEMBER: &str = "0199c1c4-7a3e-7cc0-8f0e-2b7f6f1d3a02";
pub(crate) const OTHER_MEMBER: &str = "0199c1c4-7a3e-7cc0-8f0e-2b7f6f1d3a12";
pub(crate) const MESSAGE: &str = "0199c1c4-7a3e-7cc0-8f0e-2b7f6f1d3a04";
pub(crate) const OTHER_MESSAGE: &str = "0199c1c4-7a3e-7cc0-8f0e-2b7f6f1d3a14";

/// One request as it stands on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Golden {
    /// The file's stem.
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Golden {
    /// The request's type.
    pub(crate) fn kind(&self) -> &str {
        self.name.split('.').next().unwrap()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// With other ids in the place of those that stand there.
    pub(crate) fn with(&self, swaps: &[(&str, String)]) -> Self {
        let text = swaps.iter().fold(self.text.clone(), |text, (from, to)| text.replace(from, to));
        Self { name: self.name.clone(), text }
    }

    /// As request number `req`.
    pub(crate) fn numbered(&self, req: u32) -> String {
        let mut value = self.value();
        value["req"] = req.into();
        value.to_string()
    }
}

/// All of them, by name.
pub(crate) fn requests() -> Vec<Golden> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/tests/wire/client");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Golden { name, text: std::fs::read_to_string(path).unwrap().trim_end().to_owned() }
    };
    let mut all = std::fs::read_dir(folder).unwrap().map(read).collect::<Vec<_>>();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(all.len() > 60);
    all
}
