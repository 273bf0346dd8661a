//! What tells one voice from another: a hash of its files, its lexicon and the code that reads with it.
//!
//! Sound that was rendered once is kept on disk under it, so whatever changes a sample must change the fingerprint.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Gathers what a voice is made of. The order counts.
#[derive(Clone, Debug)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Begins with the voice's name and the source of this crate.
    pub fn new(name: &str) -> Self {
        Self(Sha256::new()).with(name).with(env!("TTS_SOURCE"))
    }

    /// Adds a text: a setting, an entry of a lexicon.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds the content of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn with_file(mut self, path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; READ_BYTES];
        let mut total = 0_u64;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                self.0.update(total.to_le_bytes());
                return Ok(self);
            }
            total += count as u64;
            self.0.update(&buffer[..count]);
        }
    }

    /// The fingerprint, 64 hexadecimal digits.
    pub fn finish(&self) -> String {
        self.0.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const READ_BYTES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let plain = Fingerprint::new("a").finish();
        assert_eq!(plain.len(), 64);
        assert_eq!(plain, Fingerprint::new("a").finish());
        assert_ne!(plain, Fingerprint::new("b").finish());
        assert_ne!(plain, Fingerprint::new("a").with("").finish());
        assert_ne!(
            Fingerprint::new("a").with("bc").with("d").finish(),
            Fingerprint::new("a").with("b").with("cd").finish()
        );
    }
}
