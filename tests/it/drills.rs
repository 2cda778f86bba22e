//! Faults on purpose, each with its rounds, its seed and its control. Short here; long by `cargo xtask drill NAME`.

mod backup;
mod clock;
mod disk_faults;
mod disk_full;
mod flood;
mod kill;
mod kill_client;
mod migration;
mod partition;
mod power;
mod revoke;
mod websocket;
