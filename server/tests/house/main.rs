//! The whole house from outside: the real binary, real models, SIP, RTP, HTTP and a database.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot begin says so at once")]

mod bad_input;
mod bench;
mod browser;
mod calls;
mod engines;
mod fixture;
mod flows;
mod registering;
mod signalling;
mod talk;
