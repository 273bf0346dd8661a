//! The door with real sockets: against another door, against bytes on the wire, and against SIPp.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot set up its scene fails there")]

mod calls;
mod common;
mod encrypted;
mod flood;
mod overtaken;
mod peers;
mod phone;
mod registering;
mod torture;
mod wire;
