//! What the window may ask, one function a question, a few lines each: the names and arguments are those of the window's
//! `Backend`. It refuses to decide anything.

pub(crate) mod hosting;
pub(crate) mod messages;
pub(crate) mod rooms;
pub(crate) mod session;
pub(crate) mod settings;

use std::sync::Arc;

use tauri::State;

use crate::state::Installation;

/// The installation, as Tauri hands it to a command.
pub(crate) type Here<'a> = State<'a, Arc<Installation>>;
