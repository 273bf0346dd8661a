//! Where journals lie: beside each other while their calls live, by day beside the recording afterwards.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use call::{EventRecord, SessionId};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::file::Header;
use super::read::{self, JournalError};

/// The two folders of the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// Journals of calls that are not settled.
    pub live: PathBuf,
    /// Recordings, and the journals of settled calls, by day.
    pub recordings: PathBuf,
}

impl Folders {
    /// Reads the events of a call, wherever its journal is; `None` when it is nowhere.
    ///
    /// # Errors
    /// As [`read`](fn@super::read).
    pub fn events(&self, header: &Header) -> Result<Option<Vec<EventRecord>>, JournalError> {
        for _ in 0..LOOKS_MAX {
            let Some(path) = self.locate(header) else { return Ok(None) };
            match read::read(&path) {
                Ok((_, events)) => return Ok(Some(events)),
                // It was moved to the archive between looking and opening.
                Err(JournalError::Read(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The journal of a call. The live folder is looked at first: a journal that is not there any more has arrived in
    /// the archive, because it is moved in one step.
    fn locate(&self, header: &Header) -> Option<PathBuf> {
        let live = NAMES.map(|name| self.live.join(file_name(header, name)));
        let archived = NAMES.map(|name| self.recordings.join(archived(header, name)));
        live.into_iter().chain(archived).find(|path| belongs_to(path, header))
    }
}

/// Where a file of a session lies below the recordings folder: `{yyyy}/{mm}/{dd}/{session}.{extension}`, by the day in
/// UTC on which the call began. A moment outside the calendar counts as 1970-01-01.
pub fn dated_path(unix_ms: i64, session: SessionId, extension: &str) -> PathBuf {
    day(unix_ms).join(format!("{session}.{extension}"))
}

/// How a journal is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// By its session, as its recording.
    Session,
    /// By session and call, where another call of that session has the first name.
    SessionAndCall,
}

const NAMES: [Name; 2] = [Name::Session, Name::SessionAndCall];

pub(super) fn file_name(header: &Header, name: Name) -> String {
    match name {
        Name::Session => format!("{}.{EXTENSION}", header.session_id),
        Name::SessionAndCall => format!("{}.{}.{EXTENSION}", header.session_id, header.call_id),
    }
}

/// Moves a journal to the archive. Doing it again after a crash in the middle gives the same result.
pub(super) fn archive(from: &Path, header: &Header, recordings: &Path) -> io::Result<PathBuf> {
    let first = recordings.join(archived(header, Name::Session));
    let taken = first.exists() && !belongs_to(&first, header);
    let to = if taken { recordings.join(archived(header, Name::SessionAndCall)) } else { first };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::rename(from, &to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let part = to.with_extension("part");
            fs::copy(from, &part)?;
            fs::rename(&part, &to)?;
            fs::remove_file(from)?;
        }
        other => other?,
    }
    Ok(to)
}

fn archived(header: &Header, name: Name) -> PathBuf {
    day(header.unix_ms).join(file_name(header, name))
}

fn day(unix_ms: i64) -> PathBuf {
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = moment.to_zoned(TimeZone::UTC).date();
    PathBuf::from(format!("{:04}/{:02}/{:02}", date.year(), date.month(), date.day()))
}

fn belongs_to(path: &Path, header: &Header) -> bool {
    let first_line = File::open(path).map_err(JournalError::Read).and_then(read::header);
    first_line.is_ok_and(|found| found.call_id == header.call_id)
}

/// What journals end in.
pub(super) const EXTENSION: &str = "jsonl";
/// A journal moves at most once, so the second look finds it.
const LOOKS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_lies_in_the_folder_of_its_day() {
        let check = |unix_ms, expected: &str| {
            let path = dated_path(unix_ms, SessionId::from_bits(0xabc), "wav");
            assert_eq!(path.to_str().unwrap(), format!("{expected}/00000000000000000000000000000abc.wav"));
        };
        check(1_700_000_000_000, "2023/11/14");
        check(0, "1970/01/01");
        check(i64::MAX, "1970/01/01");
    }
}
