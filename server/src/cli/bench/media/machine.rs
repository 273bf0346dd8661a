//! What the machine tells of this process: processor time, memory, cores, and threads that keep all cores busy.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, all its threads, over some real time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) cpu_s: f64,
    pub(super) wall_s: f64,
}

/// Begins to count.
pub(super) struct Meter {
    cpu_s: f64,
    began: Instant,
}

impl Meter {
    pub(super) fn start() -> Self {
        Self { cpu_s: cpu_s(), began: Instant::now() }
    }

    pub(super) fn read(&self) -> Spent {
        Spent { cpu_s: cpu_s() - self.cpu_s, wall_s: self.began.elapsed().as_secs_f64() }
    }
}

fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Bytes of memory this process holds now; 0 where the system does not tell.
pub(super) fn memory_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident: u64 = pages.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    resident * rustix::param::page_size() as u64
}

/// As many media threads as `media.workers = 0` makes.
pub(super) fn workers() -> usize {
    cores().div_ceil(2)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Threads of the usual priority that use every core until dropped.
pub(super) struct Crowd {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    pub(super) fn start() -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let spin = |stop: Arc<AtomicBool>| {
            let mut number = 1_u64;
            while !stop.load(Ordering::Relaxed) {
                number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
        };
        let threads = (0..cores())
            .map(|_| {
                let stop = stop.clone();
                std::thread::Builder::new().name("crowd".to_owned()).spawn(move || spin(stop))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { stop, threads })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It cannot panic, and nothing would be done about it.
            let _ = thread.join();
        }
    }
}
