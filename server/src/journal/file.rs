//! The journal of one live call, and the line that heads it.
//!
//! A line that could not be written whole is cut off again before anything follows, so that a full disk tears at most
//! the last line of a file.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use call::{CallEvent, CallId, EventRecord, Moment, SessionId};
use serde::{Deserialize, Serialize};

use super::place::{self, Name};
use super::read::{self, JournalError, Scan};

/// Whose journal it is: the first line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The call.
    pub call_id: CallId,
    /// The caller's whole business, kept across transfers.
    pub session_id: SessionId,
    /// When the call began, on the wall clock, in milliseconds since 1970 (UTC). It chooses the folder of the archive.
    pub unix_ms: i64,
}

/// The first line as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct HeaderLine {
    /// The format of what follows: [`FORMAT`].
    pub(super) hotline_journal: u32,
    #[serde(flatten)]
    pub(super) header: Header,
}

/// The open journal of one call.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    header: Header,
    next_seq: u64,
    /// Bytes of whole lines.
    length: u64,
    /// Whether a part of a line stands after them, which must go before anything is written.
    torn: Tail,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Torn,
    Whole,
}

impl Journal {
    /// Begins the journal of a call: `{live}/{session}.jsonl`, with the call's id added when another live call has the
    /// same session. Makes the folder where it is missing. The file can be read by its owner only.
    ///
    /// # Errors
    /// Those of the machine: no space, no permission.
    pub fn create(live_folder: &Path, header: Header) -> io::Result<Self> {
        std::fs::create_dir_all(live_folder)?;
        let create = |name: Name| -> io::Result<(File, PathBuf)> {
            let path = live_folder.join(place::file_name(&header, name));
            let file = OpenOptions::new().append(true).create_new(true).mode(OWNER_ONLY).open(&path)?;
            Ok((file, path))
        };
        let (file, path) = match create(Name::Session) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => create(Name::SessionAndCall)?,
            other => other?,
        };
        let mut journal =
            Self { file, path, header, next_seq: 1, length: 0, torn: Tail::Whole, line: Vec::with_capacity(512) };
        if let Err(error) = journal.write(&HeaderLine { hotline_journal: FORMAT, header }) {
            // Nothing was acted on: a file without a header would only puzzle the next start.
            let _ = std::fs::remove_file(&journal.path);
            return Err(error);
        }
        Ok(journal)
    }

    /// Opens a journal that was left behind, and cuts a torn last line off.
    ///
    /// # Errors
    /// As [`read`](fn@super::read), and those of opening the file for writing.
    pub(super) fn reopen(path: &Path) -> Result<(Self, Vec<EventRecord>), JournalError> {
        let Scan { header, events, whole_bytes, last_seq } = read::scan(path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        if file.metadata()?.len() > whole_bytes {
            file.set_len(whole_bytes)?;
        }
        let journal = Self {
            file,
            path: path.to_owned(),
            header,
            next_seq: last_seq + 1,
            length: whole_bytes,
            torn: Tail::Whole,
            line: Vec::new(),
        };
        Ok((journal, events))
    }

    /// Writes one event with the next sequence number, in one system call. Only then may it be acted on.
    ///
    /// # Errors
    /// Those of the machine, such as no space. The event is then not in the journal, its number is not used up, and the
    /// next event may be tried as if nothing had happened.
    pub fn append(&mut self, at: Moment, unix_ms: i64, event: CallEvent) -> io::Result<EventRecord> {
        let record = EventRecord { seq: self.next_seq, at, unix_ms, event };
        self.write(&record)?;
        self.next_seq += 1;
        Ok(record)
    }

    /// Whose journal this is.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the journal and moves it to its place in the archive,
    /// `{recordings}/{yyyy}/{mm}/{dd}/{session}.jsonl`. To be done when its rows are in the database, which
    /// [`Projector::settle`](crate::store::Projector::settle) does.
    ///
    /// # Errors
    /// Those of the machine. The file then stays in the live folder, and the next start moves it.
    pub fn finish(self, recordings: &Path) -> io::Result<PathBuf> {
        place::archive(&self.path, &self.header, recordings)
    }

    fn write<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        if self.torn == Tail::Torn {
            self.cut()?;
        }
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        let written = loop {
            match self.file.write(&self.line) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if written < self.line.len() {
            self.torn = Tail::Torn;
            self.cut()?;
            return Err(ErrorKind::StorageFull.into());
        }
        self.length += written as u64;
        Ok(())
    }

    /// Takes the part of a line that did not fit away again.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.torn = Tail::Whole;
        Ok(())
    }
}

/// The version of the format: raised when an older reader could misunderstand.
pub(super) const FORMAT: u32 = 1;
/// What callers said is nobody else's business on a shared machine.
const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests {
    use call::LegId;

    use super::*;

    fn header(call: u128) -> Header {
        Header { call_id: CallId::from_bits(call), session_id: SessionId::from_bits(7), unix_ms: 1_700_000_000_000 }
    }

    #[test]
    fn what_was_appended_is_read_again_with_numbers_from_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), header(1)).unwrap();
        for at in [10, 20] {
            journal.append(Moment::from_millis(at), 5, CallEvent::Held { leg: LegId::CALLER }).unwrap();
        }
        let (read_header, events) = super::super::read(journal.path()).unwrap();
        assert_eq!(read_header, header(1));
        assert_eq!(events.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(journal.path().file_name().unwrap(), format!("{}.jsonl", header(1).session_id).as_str());
    }

    #[test]
    fn two_calls_of_one_session_keep_two_journals() {
        let folder = tempfile::tempdir().unwrap();
        let (live, recordings) = (folder.path().join("live"), folder.path().join("recordings"));
        let first = Journal::create(&live, header(1)).unwrap();
        let second = Journal::create(&live, header(2)).unwrap();
        let (first, second) = (first.finish(&recordings).unwrap(), second.finish(&recordings).unwrap());
        assert_eq!(super::super::read(&first).unwrap().0, header(1));
        assert_eq!(super::super::read(&second).unwrap().0, header(2));
        assert!(first.starts_with(recordings.join("2023/11/14")), "{first:?}");
    }

    #[test]
    fn a_full_disk_is_an_error_and_loses_only_that_event() {
        // The machine's own full device: each write fails as on a disk without space.
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), header(1)).unwrap();
        let disk = std::mem::replace(&mut journal.file, full);
        let held = || CallEvent::Held { leg: LegId::CALLER };
        let error = journal.append(Moment::START, 0, held()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        journal.file = disk;
        assert_eq!(journal.append(Moment::START, 0, held()).unwrap().seq, 1);
        assert_eq!(super::super::read(journal.path()).unwrap().1.len(), 1);
    }
}
