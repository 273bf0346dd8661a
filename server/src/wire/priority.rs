//! A place before others on a busy machine, for threads that keep the beat.
//!
//! Recogniser and voices take every core for seconds. Without this a packet would wait until the system takes turns.
//! Where it is not permitted (no `CAP_SYS_NICE`, no `LimitRTPRIO=` or `LimitNICE=`), the threads do without.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tracing::debug;

/// What a thread is to the beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// It keeps it: nothing of the usual kind runs while it has something to do, which is a tenth of the time or less.
    Beat,
    /// It serves it, and may wait for a moment.
    Service,
}

/// Raises the calling thread, where the system permits it.
pub(crate) fn raise(rank: Rank) {
    if !cfg!(target_os = "linux") {
        // Elsewhere a nice value is that of the whole program.
        return;
    }
    if rank == Rank::Beat && run_first() {
        return;
    }
    // Linux counts threads as processes here: no process named means this thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        debug!(%error, ?rank, "A media thread has no place before others");
    }
}

/// Before every thread of the usual kind, at the lowest of the real-time ranks (`SCHED_FIFO`).
fn run_first() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy).is_ok()
}

/// Nine tenths of a core against a busy thread of the usual kind.
const NICE: i32 = -11;
