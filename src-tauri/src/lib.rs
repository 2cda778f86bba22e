//! The desktop shell: one window over both cores. It exists to open a vault, run a host if asked, and carry questions and
//! updates between the window and the cores. It refuses to know what a message means, to draw anything, and to give the
//! page more of the system than the commands listed here.

mod arguments;
mod commands;
mod error;
mod forward;
mod hosting;
mod hosts;
mod joining;
mod log;
mod look_around;
mod paths;
mod push;
mod qr;
mod state;
pub mod view;
mod window;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tauri::{App, AppHandle, Manager, RunEvent};
use vault::OsKeyring;

use arguments::Arguments;
use commands::{hosting as host_commands, messages, rooms, session, settings};
use paths::Paths;
use state::Installation;

/// Longest that closing may take: the host tells its members, commits, and ends well before.
const FAREWELL: Duration = Duration::from_secs(15);

/// Exit code for wrong arguments, as everywhere.
const USAGE: u8 = 2;

/// There is no screen to open a window on.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no display to open a window on; start it from a desktop, or host without one by hearth-server serve"
)]
struct NoDisplay;

/// Opens the window and returns when it is closed.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too; where there is nobody to print to, nothing is lost.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let paths = match Paths::find(&arguments.profile) {
        Ok(paths) => paths,
        Err(error) => return complain(&error),
    };
    if !window::display() {
        return complain(&NoDisplay);
    }
    window::guard_renderer(&paths);
    log::start(&paths.log());
    match build(paths, arguments.link) {
        Ok(app) => app.run(|app, event| {
            if let RunEvent::Exit = event {
                farewell(app);
            }
        }),
        Err(error) => return complain(&error),
    }
    ExitCode::SUCCESS
}

fn build(paths: Paths, link: Option<String>) -> tauri::Result<App> {
    let installation = tauri::async_runtime::block_on(async {
        Arc::new(Installation::new(paths.clone(), Arc::new(OsKeyring::new())))
    });
    if let Some(link) = link {
        installation.push.link(link);
    }
    tauri::Builder::default()
        .plugin(one_instance(&paths))
        .plugin(remember_window(&paths))
        .plugin(tauri_plugin_clipboard_manager::init())
        .manage(installation)
        .invoke_handler(tauri::generate_handler![
            host_commands::browse,
            host_commands::create_invite,
            host_commands::doctor,
            host_commands::host,
            host_commands::invites,
            host_commands::revoke_invite,
            host_commands::set_registration,
            messages::discard,
            messages::retry,
            messages::send,
            messages::timeline,
            rooms::create_room,
            rooms::directory,
            rooms::join_room,
            rooms::leave_room,
            rooms::people,
            rooms::rooms,
            session::devices,
            session::join,
            session::look,
            session::prepare,
            session::reconnect,
            session::revoke_device,
            session::set_password,
            session::sign_in_again,
            session::sign_out,
            session::start,
            session::subscribe,
            session::unlock,
            settings::confirm_recovery_code,
            settings::copy,
            settings::new_recovery_code,
            settings::open_link,
            settings::set_passphrase,
            settings::slots,
        ])
        .setup(move |app| {
            window::about_to_show(&paths);
            window::open(app.handle(), &paths)?;
            tauri::async_runtime::spawn(end_on_signal(app.handle().clone()));
            Ok(())
        })
        .build(tauri::generate_context!())
}

/// A second start of the same profile hands its link over and ends; other profiles run beside it.
fn one_instance(paths: &Paths) -> tauri::plugin::TauriPlugin<tauri::Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(format!("app.hearth.desktop.p{}", paths.fingerprint()))
        .callback(|app, arguments, _| {
            window::raise(app);
            if let Ok(Arguments { link: Some(link), .. }) = Arguments::try_parse_from(arguments) {
                app.state::<Arc<Installation>>().push.link(link);
            }
        })
        .build()
}

fn remember_window(paths: &Paths) -> tauri::plugin::TauriPlugin<tauri::Wry> {
    tauri_plugin_window_state::Builder::new()
        .with_filename(paths.window().to_string_lossy())
        .with_state_flags(window::REMEMBERED)
        .build()
}

/// Logging out and `kill` end the program like closing its window does.
async fn end_on_signal(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    app.exit(0);
}

fn farewell(app: &AppHandle) {
    let installation = Arc::clone(&app.state::<Arc<Installation>>());
    let stopped =
        tauri::async_runtime::block_on(async { tokio::time::timeout(FAREWELL, installation.stop()).await });
    match stopped {
        Ok(()) => tracing::info!("closed in good order"),
        Err(_) => tracing::warn!("not everything ended in time; what was acknowledged is on disk"),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "Hearth does not start");
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "hearth: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod stories;
