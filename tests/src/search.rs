//! Looks for what must not be on disk, in every file and in every encoding in which it could hide.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Something that must not be found, and what it is.
#[derive(Debug, Clone)]
pub struct Marker {
    what: String,
    bytes: Vec<u8>,
}

/// Where a marker was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// In which file.
    pub file: PathBuf,
    /// What it is, and how it was written.
    pub what: String,
}

/// What a search covered: a zero of hits means nothing without it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: usize,
    /// What was found.
    pub hits: Vec<Hit>,
}

impl Marker {
    /// A text that must not be found; long enough not to appear by chance.
    pub fn text(what: &str, text: &str) -> Self {
        Self::bytes(what, text.as_bytes())
    }

    /// Bytes that must not be found.
    pub fn bytes(what: &str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 8, "{what} is too short to tell from chance");
        Self { what: what.to_owned(), bytes: bytes.to_vec() }
    }

    /// Every form in which it could be written.
    fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut forms = vec![("as it is", self.bytes.clone())];
        if let Ok(text) = std::str::from_utf8(&self.bytes) {
            forms.push(("in UTF-16LE", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
            forms.push(("in UTF-16BE", text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        }
        forms.push(("in hex", hex(&self.bytes).into_bytes()));
        forms.push(("in upper-case hex", hex(&self.bytes).to_uppercase().into_bytes()));
        forms.push(("reversed", self.bytes.iter().rev().copied().collect()));
        for skip in 0..3 {
            // Base64 depends on where in a group of three the marker begins; its ends depend on the neighbours.
            let padded = [&vec![0; skip], self.bytes.as_slice()].concat();
            for (form, written) in [
                ("in base64", STANDARD_NO_PAD.encode(&padded)),
                ("in base64url", URL_SAFE_NO_PAD.encode(&padded)),
            ] {
                let inner = &written.as_bytes()[(skip * 8).div_ceil(6)..written.len() - 2];
                forms.push((form, inner.to_vec()));
            }
        }
        forms
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads every file below `folders`, names included, and reports each form of each marker.
///
/// # Errors
/// When something can not be read.
pub fn search(folders: &[&Path], markers: &[Marker]) -> Result<Search> {
    let forms: Vec<_> = markers
        .iter()
        .flat_map(|marker| marker.forms().into_iter().map(move |form| (marker, form)))
        .collect();
    let mut search = Search::default();
    for folder in folders {
        for file in files_below(folder)? {
            let content = fs::read(&file).with_context(|| file.display().to_string())?;
            search.files += 1;
            search.bytes += content.len();
            let name = file.to_string_lossy();
            for (marker, (form, bytes)) in &forms {
                if contains(&content, bytes) || contains(name.as_bytes(), bytes) {
                    let what = format!("{} {form}", marker.what);
                    search.hits.push(Hit { file: file.clone(), what });
                }
            }
        }
    }
    Ok(search)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn contains(content: &[u8], wanted: &[u8]) -> bool {
    let Some(&first) = wanted.first() else { return false };
    let mut rest = content;
    while let Some(at) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(wanted) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(content: &[u8]) -> usize {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/file"), content).unwrap();
        let marker = Marker::text("the secret", "correct horse");
        search(&[folder.path()], &[marker]).unwrap().hits.len()
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert_eq!(hits(b"a battery staple, correct hors, orse"), 0);
    }

    #[test]
    fn every_form_is_found() {
        let utf16: Vec<u8> = "correct horse".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(hits(b"xxcorrect horsexx") > 0);
        assert!(hits(&utf16) > 0);
        assert!(hits(hex(b"correct horse").as_bytes()) > 0);
        for before in ["", "a", "ab", "abc"] {
            let written = STANDARD_NO_PAD.encode(format!("{before}correct horse and more"));
            assert!(hits(written.as_bytes()) > 0, "behind {} bytes", before.len());
        }
    }
}
