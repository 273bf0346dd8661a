//! The house: it owns every clock, socket, thread, file and database, and translates between the pure machines.
//!
//! It decides nothing a caller would notice: what is said comes from `dialog`, when a turn ends from `asr`, who takes a
//! call from `desk`.

mod call;
pub mod cli;
pub mod clock;
pub mod config;
mod desk_room;
pub mod ears;
pub mod engines;
mod flows;
pub mod guests;
mod house;
pub mod http;
pub mod journal;
pub mod models;
pub mod mouth;
mod phonebook;
mod reception;
mod records;
pub mod serving;
pub mod store;
pub mod telemetry;
pub mod tools;
pub mod webhook;
pub mod webrtc;
pub mod wire;
