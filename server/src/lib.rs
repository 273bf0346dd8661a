//! The house: it owns every clock, socket, thread, file and database, and translates between the pure machines.
//!
//! It decides nothing a caller would notice: what is said comes from `dialog`, when a turn ends from `asr`, who takes a
//! call from `desk`.

pub mod config;
pub mod http;
pub mod journal;
pub mod models;
pub mod store;
pub mod telemetry;
pub mod webhook;
