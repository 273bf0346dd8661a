//! What a person sees while files are fetched: bars in a terminal, plain lines in a log.
//!
//! Both go to standard error, so that `--json` on standard output stays clean.

use std::io::{self, Write as _};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::fetch::Progress;

/// Where progress is shown, if it is.
#[derive(Debug)]
pub(super) struct Screen {
    progress: Progress,
}

impl Screen {
    pub(super) const fn new(progress: Progress) -> Self {
        Self { progress }
    }

    /// Says one thing.
    pub(super) fn line(&self, text: &str) {
        match self.progress {
            // Nobody to tell is no reason to stop.
            Progress::Shown => drop(writeln!(io::stderr().lock(), "{text}")),
            Progress::Silent => {}
        }
    }

    /// Begins something that takes a while. A log gets a line, a terminal a bar.
    pub(super) fn bar(&self, label: &str, bytes: u64) -> Bar {
        match self.progress {
            Progress::Shown => {
                self.line(&format!("  {label}, {}", HumanBytes(bytes)));
                let template = "  {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
                let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                Bar { inner: ProgressBar::new(bytes).with_style(style) }
            }
            Progress::Silent => Bar { inner: ProgressBar::hidden() },
        }
    }
}

/// One thing that takes a while.
#[derive(Debug)]
pub(super) struct Bar {
    inner: ProgressBar,
}

impl Bar {
    /// How much is done.
    pub(super) fn set(&self, bytes: u64) {
        self.inner.set_position(bytes);
    }

    /// All is done; the bar goes away.
    pub(super) fn finish(&self) {
        self.inner.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        // A bar left in the terminal after a failure would look like something still going on.
        if !self.inner.is_finished() {
            self.inner.finish_and_clear();
        }
    }
}
