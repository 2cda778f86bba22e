//! The host from outside: raw WebSocket clients against a real server on loopback.
#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]

mod accounts;
mod audit;
mod avatars;
mod bad_input;
mod catch_up;
mod delivery;
mod enrolment;
mod golden;
mod hidden;
mod hostile;
mod limits;
mod marks;
mod messages;
mod names;
mod once;
mod operating;
mod pages;
mod people;
mod presence;
mod programs;
mod replica;
mod reports;
mod rights;
mod rooms;
mod search;
mod second_factor;
mod service;
mod statuses;
mod support;
mod surface;
mod talk;
mod threads;
