//! The database: what a business asks of calls that have ended, in SQLite (WAL) beside the journals.
//!
//! Rows are written when a call has ended, all of them in one transaction and from the journal alone, by the same code
//! for a call that ended well and one that a crash cut off. So a lost database is a nuisance and not a loss, and no call
//! ever waits for it.

mod cdr;
mod outcome;
mod projector;
mod rows;
mod sqlite;

pub use cdr::{Cdr, CdrFold};
pub use outcome::CallStatus;
pub use projector::{Projector, ProjectorTask};
pub use sqlite::{Callback, CallbackState, CallsPage, Cursor, InvalidCursor, Store, StoreError, StoredUtterance};
