//! Between the SIP stack and the legs. The only folder that knows the stack's types.

mod act;
mod dialog;
pub(crate) mod gate;
mod headers;
pub(crate) mod incoming;
pub(crate) mod leg_task;
mod switch;
pub(crate) mod tcp;
mod udp;
mod wire;

pub(crate) use switch::{Bound, Switch};
