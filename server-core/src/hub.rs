//! Who is here, who is in which room, and getting frames to them.

pub(crate) mod fanout;
pub(crate) mod frame;
pub(crate) mod outlet;
pub(crate) mod presence;
pub(crate) mod rights;
pub(crate) mod state;
pub(crate) mod turn;

pub(crate) use fanout::{Hub, Seat};
pub(crate) use outlet::Outlet;
