//! The people: which agent is rung for which call, as one pure machine.
//!
//! Races between callers, agents and clocks are where queues of call centres go wrong, so everything that happens is
//! one input of one [`Desk`], and what it decides is proved over random orders of events: never two calls on one
//! agent, never two agents on one call, and every waiting call comes to an end.

mod desk;
mod input;

pub use desk::Desk;
pub use input::{Activity, Agent, DeskConfig, Input, Output};
