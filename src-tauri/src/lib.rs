//! The desktop shell: windows and commands round both cores. To be filled; the types of the boundary stand already.

pub mod view;
