//! The one window, and what the system's web view needs to be told. Everything particular to a platform's web view is in
//! this file. It refuses to let the page go anywhere else.

use std::fs;
use std::path::Path;

use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_window_state::StateFlags;

use crate::paths::Paths;

/// The window's name in capabilities and events.
pub(crate) const MAIN: &str = "main";

/// What of the window is remembered: not whether it is visible, or a start could show nothing.
pub(crate) const REMEMBERED: StateFlags =
    StateFlags::SIZE.union(StateFlags::POSITION).union(StateFlags::MAXIMIZED).union(StateFlags::FULLSCREEN);

/// Whether there is a screen; GTK would end the program without a word that helps.
pub(crate) fn display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Opens the window of this profile.
pub(crate) fn open(app: &AppHandle, paths: &Paths) -> tauri::Result<()> {
    let title = match paths.profile() {
        "default" => "Hearth".to_owned(),
        profile => format!("Hearth – {profile}"),
    };
    let window = WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title(title)
        .inner_size(1180.0, 760.0)
        .min_inner_size(360.0, 480.0)
        .data_directory(paths.webview())
        .on_navigation(|url| stays_home(url.scheme(), url.host_str()))
        .build()?;
    allow_preedit(&window);
    Ok(())
}

/// Brings the window to the front, for a second start of the same profile.
pub(crate) fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window could not be brought to the front");
    }
}

/// The page is built in; a link or a dropped file never takes its place.
fn stays_home(scheme: &str, host: Option<&str>) -> bool {
    matches!((scheme, host), ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost")))
}

/// wry switches the input method's preedit off on Linux; Chinese can't be written without it.
#[cfg(target_os = "linux")]
fn allow_preedit(window: &WebviewWindow) {
    use webkit2gtk::{InputMethodContextExt, WebViewExt};
    let allowed = window.with_webview(|webview| {
        if let Some(context) = webview.inner().input_method_context() {
            context.set_enable_preedit(true);
        }
    });
    if let Err(error) = allowed {
        tracing::warn!(%error, "input methods show no preedit");
    }
}

#[cfg(not(target_os = "linux"))]
fn allow_preedit(_window: &WebviewWindow) {}

/// Some drivers show a blank window unless WebKit's DMA-BUF renderer is off, and it can only be switched off in the
/// environment, before anything of GTK runs: so the program starts itself once more in its own place. Done where the
/// driver is known for it, or when the page did not come up at the last start.
#[cfg(target_os = "linux")]
pub(crate) fn guard_renderer(paths: &Paths) {
    use std::os::unix::process::CommandExt;
    const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let suspect = Path::new("/proc/driver/nvidia/version").exists() || paths.unshown().exists();
    if !suspect || std::env::var_os(SWITCH).is_some() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let error =
            std::process::Command::new(program).args(std::env::args_os().skip(1)).env(SWITCH, "1").exec();
        tracing::warn!(%error, "starting without the renderer's guard");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn guard_renderer(_paths: &Paths) {}

/// Notes that a page is about to be shown; [`shown`] takes it back.
pub(crate) fn about_to_show(paths: &Paths) {
    if let Err(error) = fs::write(paths.unshown(), []) {
        tracing::warn!(%error, "a blank window would not be noticed");
    }
}

/// The page is up: it has asked its first question.
pub(crate) fn shown(paths: &Paths) {
    let _ = fs::remove_file(paths.unshown());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_nowhere_else() {
        assert!(stays_home("tauri", Some("localhost")));
        assert!(stays_home("http", Some("tauri.localhost")));
        assert!(!stays_home("https", Some("example.org")));
        assert!(!stays_home("file", None));
        assert!(!stays_home("data", None));
    }
}
