//! The journal: one append-only file per call that holds every event before it is acted on.
//!
//! It is the truth of the house; database rows, the web interface and webhooks are made from it. A `kill -9` loses no
//! event that was acted on, because each is one whole line written by one system call, and the kernel keeps what it was
//! given. An invariant: **a journal in the live folder has not been settled**. Its call is still live, or its rows are
//! not in the database yet, or the server died before either; what [`recover`] does at the next start is the same.

mod file;
mod place;
mod read;
mod recover;

pub use file::{Header, Journal};
pub use place::{Folders, dated_path};
pub use read::{JournalError, read};
pub(crate) use recover::{CRASH, inside, settle};
pub use recover::{Recovered, Recovery, RecoveryProblem, recover};
