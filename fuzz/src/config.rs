//! Settings, by the program's own reader, which is private to it.
#![allow(dead_code, unused_imports, reason = "the program uses more of it")]

mod body;

#[path = "../../server-core/src/bin/hearth-server"]
mod hearth_server {
    pub(crate) mod settings;
}

pub(crate) use body::read;
use hearth_server::settings;
