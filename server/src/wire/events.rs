//! From the beat to the calls: a ring for each line, and one bell for each media thread.
//!
//! A media thread must neither lock nor wait, and waking hundreds of tasks fifty times a second from outside the
//! runtime would cost more than all its sound. So it writes into a ring that belongs to the line, notes that there is
//! news, and once per beat rings the bell: a thread of its own, which wakes the tasks that have news.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::{fmt, io};

use rtrb::{Consumer, Producer, RingBuffer};
use tokio::sync::Notify;

use super::{LINE_EVENTS_MAX, WireEvent, priority};

/// A call's ear at the wire: what its media thread tells, in order.
pub struct LineEvents {
    ring: Consumer<WireEvent>,
    bell: Arc<LineBell>,
}

/// The media thread's end of a line's ring.
pub(super) struct EventSender {
    ring: Producer<WireEvent>,
    bell: Arc<LineBell>,
}

/// What wakes one line's task.
#[derive(Default)]
pub(super) struct LineBell {
    news: AtomicBool,
    ended: AtomicBool,
    wake: Notify,
    /// Of the recorder, which is no media thread and may lock.
    failure: Mutex<Option<String>>,
}

/// Both ends of a line's ring.
pub(super) fn line() -> (EventSender, LineEvents) {
    let (producer, consumer) = RingBuffer::new(LINE_EVENTS_MAX);
    let bell = Arc::new(LineBell::default());
    (EventSender { ring: producer, bell: bell.clone() }, LineEvents { ring: consumer, bell })
}

impl LineEvents {
    /// The next event, as soon as there is one; `None` once the line is closed and all was told. Nothing is lost when
    /// the future is dropped.
    pub async fn recv(&mut self) -> Option<WireEvent> {
        loop {
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            if self.ring.is_abandoned() {
                // What was told between the look above and the end.
                return self.try_recv();
            }
            self.bell.wake.notified().await;
        }
    }

    /// The next event, if there is one now.
    pub fn try_recv(&mut self) -> Option<WireEvent> {
        if let Ok(event) = self.ring.pop() {
            return Some(event);
        }
        let mut failure = self.bell.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take().map(WireEvent::RecordingFailed)
    }
}

impl fmt::Debug for LineEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineEvents").field("waiting", &self.ring.slots()).finish()
    }
}

impl EventSender {
    /// Tells an event, if there is room; otherwise it comes back, as the error of the ring does.
    pub(super) fn tell(&mut self, event: WireEvent) -> bool {
        let told = self.ring.push(event).is_ok();
        self.bell.news.store(true, Ordering::Release);
        told
    }

    /// Whether the next event finds room.
    pub(super) fn has_room(&self) -> bool {
        self.ring.slots() > 0
    }

    /// What the recorder may tell this line through.
    pub(super) fn bell(&self) -> Arc<LineBell> {
        self.bell.clone()
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        self.bell.ended.store(true, Ordering::Release);
        self.bell.news.store(true, Ordering::Release);
    }
}

impl LineBell {
    /// Tells of a failed recording. Not for the beat: it locks and wakes.
    pub(super) fn recording_failed(&self, reason: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        self.wake.notify_one();
    }
}

/// The bell of one media thread.
#[derive(Clone)]
pub(super) struct Bell {
    thread: Thread,
    desk: Arc<BellDesk>,
}

#[derive(Default)]
struct BellDesk {
    lines: Mutex<Vec<Arc<LineBell>>>,
    stopped: AtomicBool,
}

impl Bell {
    /// Starts the thread.
    pub(super) fn start(number: usize) -> io::Result<Self> {
        let desk = Arc::new(BellDesk::default());
        let mine = desk.clone();
        let thread = thread::Builder::new().name(format!("media-bell-{number}")).spawn(move || mine.run())?;
        Ok(Self { thread: thread.thread().clone(), desk })
    }

    /// Another line is to be woken when it has news. Not for the beat: it locks.
    pub(super) fn watch(&self, events: &EventSender) {
        self.desk.lines.lock().unwrap_or_else(PoisonError::into_inner).push(events.bell());
    }

    /// Some lines have news. One call to the system, which does not wait.
    pub(super) fn ring(&self) {
        self.thread.unpark();
    }

    /// The media thread has ended.
    pub(super) fn stop(&self) {
        self.desk.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl BellDesk {
    fn run(&self) {
        priority::raise(priority::Rank::Service);
        loop {
            thread::park();
            let stopped = self.stopped.load(Ordering::Acquire);
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).retain(|line| {
                if line.news.swap(false, Ordering::AcqRel) || stopped {
                    line.wake.notify_one();
                }
                !line.ended.load(Ordering::Acquire)
            });
            if stopped {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retired() -> WireEvent {
        WireEvent::Retired(Arc::from([]))
    }

    #[tokio::test]
    async fn a_task_that_waits_is_woken_by_the_bell() {
        let bell = Bell::start(0).unwrap();
        let (mut sender, mut events) = line();
        bell.watch(&sender);
        let waiting = tokio::spawn(async move { events.recv().await });
        tokio::task::yield_now().await;
        assert!(sender.tell(retired()));
        bell.ring();
        assert!(matches!(waiting.await.unwrap(), Some(WireEvent::Retired(_))));
        bell.stop();
    }

    #[tokio::test]
    async fn the_end_of_a_line_is_told_after_its_last_event() {
        let bell = Bell::start(0).unwrap();
        let (mut sender, mut events) = line();
        bell.watch(&sender);
        assert!(sender.tell(retired()));
        drop(sender);
        bell.ring();
        assert!(events.recv().await.is_some());
        assert!(events.recv().await.is_none());
        bell.stop();
    }

    #[test]
    fn a_full_ring_refuses_and_takes_again() {
        let (mut sender, mut events) = line();
        while sender.has_room() {
            assert!(sender.tell(retired()));
        }
        assert!(!sender.tell(retired()));
        assert!(events.try_recv().is_some());
        assert!(sender.tell(retired()));
    }

    #[test]
    fn a_failed_recording_is_told_beside_the_ring() {
        let (sender, mut events) = line();
        sender.bell().recording_failed("no room".to_owned());
        assert!(matches!(events.try_recv(), Some(WireEvent::RecordingFailed(reason)) if reason == "no room"));
        assert!(events.try_recv().is_none());
    }
}
