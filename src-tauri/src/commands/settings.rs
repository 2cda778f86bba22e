//! The ways into this installation's vault, the clipboard, and links that lead out.

use tauri::AppHandle;
use tauri_plugin_clipboard_manager::ClipboardExt;
use vault::Unlock;
use zeroize::Zeroizing;

use super::Here;
use crate::error::Answer;
use crate::state::blocking;
use crate::view::{FailureView, SlotView};

#[tauri::command]
pub(crate) async fn slots(here: Here<'_>) -> Answer<Vec<SlotView>> {
    Ok(here.profile()?.vault().slots().into_iter().map(SlotView::from).collect())
}

#[tauri::command]
pub(crate) async fn new_recovery_code(here: Here<'_>) -> Answer<String> {
    let code = here.profile()?.vault().new_recovery_code()?;
    let shown = code.reveal().to_string();
    *here.shown_code() = Some(code);
    Ok(shown)
}

#[tauri::command]
pub(crate) async fn confirm_recovery_code(here: Here<'_>, typed: String) -> Answer<()> {
    let (vault, typed) = (here.profile()?.vault().clone(), Zeroizing::new(typed));
    let code = here.shown_code().take().ok_or_else(no_code)?;
    let (code, confirmed) = blocking(move || {
        let confirmed = vault.confirm_recovery_code(&code, &typed);
        (code, confirmed)
    })
    .await?;
    if confirmed.is_err() {
        *here.shown_code() = Some(code);
    }
    Ok(confirmed?)
}

#[tauri::command]
pub(crate) async fn set_passphrase(here: Here<'_>, passphrase: String) -> Answer<()> {
    let (vault, passphrase) = (here.profile()?.vault().clone(), Zeroizing::new(passphrase));
    Ok(blocking(move || vault.add_slot(Unlock::Passphrase(&passphrase))).await??)
}

/// Invites and recovery codes go this way too, so clipboard histories are asked to leave it out.
#[tauri::command]
pub(crate) async fn copy(app: AppHandle, text: String) -> Answer<()> {
    app.clipboard().write_secret(text).map_err(|error| {
        tracing::warn!(%error, "the clipboard was not written");
        FailureView::new("clipboard", "The clipboard can't be written; select the text and copy it yourself.")
    })
}

/// Opens a page or a mail outside of Hearth, and nothing that could start a program.
#[tauri::command]
pub(crate) async fn open_link(url: String) -> Answer<()> {
    if !is_outward(&url) {
        return Err(FailureView::new("link", "Only links to web pages and mail addresses are opened."));
    }
    let opened = blocking(move || tauri_plugin_opener::open_url(url, None::<&str>)).await?;
    opened.map_err(|error| {
        tracing::warn!(%error, "a link was not opened");
        FailureView::new("link", "No program opened the link; copy it into a browser.")
    })
}

fn is_outward(url: &str) -> bool {
    tauri::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
}

fn no_code() -> FailureView {
    FailureView::new("no_code", "No recovery code is waiting to be confirmed; make a new one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_start_no_programs() {
        assert!(is_outward("https://example.org/a?b"));
        assert!(is_outward("mailto:lea@example.org"));
        for url in ["file:///etc/passwd", "javascript:alert(1)", "smb://share", "--help", "/usr/bin/true", ""]
        {
            assert!(!is_outward(url), "{url}");
        }
    }
}
