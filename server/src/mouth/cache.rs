//! Clauses that need no rendering: in memory, and behind that on disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use call::Language;
use sha2::{Digest as _, Sha256};

use super::Say;
use super::rendered::Rendered;
use super::shelf::Shelf;

/// A hash of everything that makes the sound of a clause what it is. Holds no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    /// The key of a clause in the voice with this fingerprint.
    pub(super) fn new(fingerprint: &str, say: &Say) -> Self {
        let Say { text, pause, language, style } = say;
        let language: Language = *language;
        // Finer steps than these are heard by nobody.
        let rate = (style.rate * 1_000.0).round() as i32;
        let gain = (style.gain_db * 100.0).round() as i32;
        let mut hash = Sha256::new();
        hash.update(FORMAT.to_le_bytes());
        for text in [fingerprint, language.code(), text.reveal().as_str()] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.update(pause.as_nanos().to_le_bytes());
        hash.update(rate.to_le_bytes());
        hash.update(gain.to_le_bytes());
        Self(hash.finalize().into())
    }

    /// As a file may be called.
    pub(super) fn name(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The clauses kept.
#[derive(Debug)]
pub(super) struct Cache {
    memory: Mutex<Memory>,
    bytes_max: usize,
    shelf: Option<Shelf>,
}

#[derive(Debug, Default)]
struct Memory {
    kept: HashMap<Key, Kept>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    rendered: Arc<Rendered>,
    used: u64,
}

impl Cache {
    /// An empty memory of so many bytes, before the shelf.
    pub(super) fn new(bytes_max: usize, shelf: Option<Shelf>) -> Self {
        Self { memory: Mutex::default(), bytes_max, shelf }
    }

    /// What memory holds; never waits for a disk.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Rendered>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.uses += 1;
        let used = memory.uses;
        let kept = memory.kept.get_mut(key)?;
        kept.used = used;
        Some(kept.rendered.clone())
    }

    /// What memory or the disk holds.
    pub(super) fn fetch(&self, key: &Key) -> Option<Arc<Rendered>> {
        self.get(key).or_else(|| {
            let rendered = Arc::new(self.shelf.as_ref()?.load(key)?);
            self.remember(*key, rendered.clone());
            Some(rendered)
        })
    }

    /// Keeps a clause in memory and on disk.
    pub(super) fn keep(&self, key: Key, rendered: Arc<Rendered>) {
        if let Some(shelf) = &self.shelf {
            shelf.save(&key, &rendered);
        }
        self.remember(key, rendered);
    }

    fn remember(&self, key: Key, rendered: Arc<Rendered>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { kept, bytes, uses } = &mut *memory;
        *uses += 1;
        *bytes += rendered.bytes();
        if let Some(before) = kept.insert(key, Kept { rendered, used: *uses }) {
            *bytes -= before.rendered.bytes();
        }
        while *bytes > self.bytes_max && kept.len() > 1 {
            let Some(oldest) = kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key) else { break };
            if let Some(gone) = kept.remove(&oldest) {
                *bytes -= gone.rendered.bytes();
            }
        }
    }
}

/// Goes up whenever the same clause of the same voice comes out otherwise: resampling, finish, silence.
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use call::{AudioFrame, Pii};
    use tts::Style;

    use super::*;

    fn rendered(frames: usize) -> Arc<Rendered> {
        Arc::new(Rendered { frames: vec![AudioFrame::SILENCE; frames].into(), marks: Vec::new() })
    }

    #[test]
    fn everything_that_is_heard_makes_another_key() {
        let say = Say {
            text: Pii::new("Hello.".to_owned()),
            pause: Duration::from_millis(120),
            language: Language::En,
            style: Style::default(),
        };
        let others = [
            Say { text: Pii::new("Hello!".to_owned()), ..say.clone() },
            Say { pause: Duration::ZERO, ..say.clone() },
            Say { language: Language::Zh, ..say.clone() },
            Say { style: Style { rate: 0.93, ..say.style }, ..say.clone() },
            Say { style: Style { gain_db: -2.0, ..say.style }, ..say.clone() },
        ];
        let key = Key::new("voice", &say);
        assert_eq!(key, Key::new("voice", &say.clone()));
        assert_ne!(key, Key::new("voice 2", &say));
        for other in &others {
            assert_ne!(key, Key::new("voice", other));
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_what_was_used_least_recently() {
        let one = rendered(10).bytes();
        let cache = Cache::new(2 * one, None);
        let key = |number: u8| Key([number; 32]);
        cache.keep(key(1), rendered(10));
        cache.keep(key(2), rendered(10));
        assert!(cache.get(&key(1)).is_some());
        cache.keep(key(3), rendered(10));
        let kept: Vec<_> = [1, 2, 3].into_iter().filter(|number| cache.fetch(&key(*number)).is_some()).collect();
        assert_eq!(kept, [1, 3]);
    }

    #[test]
    fn what_memory_forgot_comes_from_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path().to_owned(), 1 << 20).unwrap();
        let cache = Cache::new(1, Some(shelf));
        cache.keep(Key([1; 32]), rendered(10));
        cache.keep(Key([2; 32]), rendered(20));
        assert!(cache.get(&Key([1; 32])).is_none());
        assert_eq!(cache.fetch(&Key([1; 32])), Some(rendered(10)));
    }
}
