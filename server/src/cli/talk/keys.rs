//! Keys of the keyboard as keys of a telephone.

use std::io::{self, Read};
use std::thread;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc;

/// The keys 0 to 9, * and # as they are typed. On a terminal each counts at once and is not shown; dropped, the
/// terminal is as before.
pub(super) struct Keys {
    typed: mpsc::Receiver<char>,
    before: Option<Termios>,
}

impl Keys {
    /// Begins to read standard input, on a thread of its own that ends with it or with the process.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub(super) fn listen() -> io::Result<Self> {
        let before = key_by_key();
        let (sender, typed) = mpsc::channel(KEYS_MAX);
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            for byte in io::stdin().lock().bytes().map_while(Result::ok) {
                let key = char::from(byte);
                if is_key(key) && sender.blocking_send(key).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { typed, before })
    }

    /// The next key; `None` when there will be none.
    pub(super) async fn next(&mut self) -> Option<char> {
        self.typed.recv().await
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs nothing.
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Lets the terminal hand over each key at once; returns how it was. `None` where standard input is no terminal.
fn key_by_key() -> Option<Termios> {
    let before = termios::tcgetattr(io::stdin()).ok()?;
    let mut now = before.clone();
    now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    termios::tcsetattr(io::stdin(), OptionalActions::Now, &now).ok()?;
    Some(before)
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#')
}

/// Keys that may wait to be pressed.
const KEYS_MAX: usize = 64;
