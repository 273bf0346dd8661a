//! The front door: SIP messages in and out, one leg per call, and session descriptions.
//!
//! [`sdp`] and [`Leg`] are pure; [`Door`] is the shell around a SIP stack whose types never leave this crate, so that
//! the rest of the house speaks of calls and not of transactions.

mod adapter;
mod door;
mod frame;
mod front;
mod guard;
mod handle;
mod leg;
mod registrar;
pub mod sdp;
mod tls;

pub use door::{CLOSE_WAIT_MAX, Dial, Door, DoorConfig, DoorError, INBOUND_CALLS_MAX, Transport};
pub use guard::{DoorCounts, GuardConfig, SOURCES_MAX};
pub use handle::{
    InboundCall, LEG_EVENTS_MAX, LEG_ORDERS_MAX, LegControl, LegError, LegEvent, LegHandle, Order, Reoffer, Side,
};
pub use leg::{ACK_WAIT_MAX, Leg, LegInput, LegOutput, LegState, NotNow, REOFFER_WAIT_MAX};
pub use registrar::{Algorithm, CONTACTS_PER_USER_MAX, Contact, RegistrarConfig, USERS_MAX, User};
pub use tls::{TlsError, TlsIdentity};
