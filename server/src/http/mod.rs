//! The web interface: calls as they happen and as they were, for programs (JSON, OpenAPI 3.1) and for monitoring.
//!
//! It reads live calls from memory, what happened in them from their journals, and lists of ended ones from the
//! database. It changes little: it can ask a call to end and to pause its recording, and it takes calls from browsers, for
//! which it has a page. And it lends the speech engines to others.

mod calls;
mod connection;
mod console;
mod events;
mod guard;
mod live;
mod openai;
mod openapi;
mod problem;
mod recordings;
mod router;
mod service;
mod speech;
mod state;
mod webrtc;

pub use connection::serve;
pub use live::{CallControl, Feed, LiveCalls};
pub use openapi::document;
pub use problem::Problem;
pub use router::router;
pub use state::{AgentState, AgentStatus, BrowserAccess, HttpState, Readiness};
