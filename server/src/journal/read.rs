//! Reads journals back, also those whose writer was killed in the middle of a line.
//!
//! A line that is not an event we know is passed over: it may be of a newer version, and the events around it are still
//! true. Its number is missing in what is returned, so nobody mistakes the gap for nothing.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use call::EventRecord;
use thiserror::Error;
use tracing::debug;

use super::file::{FORMAT, Header, HeaderLine};

/// Why a file cannot be read as a journal.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Its first line is not ours, or was never finished. Nothing was acted on then.
    #[error("the file does not begin with a journal's header")]
    Header,
    /// The machine could not read or write it.
    #[error("cannot read or write the journal: {0}")]
    Read(#[from] std::io::Error),
    /// It is longer than any call of ours makes it.
    #[error("the journal is longer than {} MiB", JOURNAL_BYTES_MAX >> 20)]
    TooLong,
    /// A later version of Hotline wrote it.
    #[error("the journal has format {0}, and this version reads only format {FORMAT}; use the version that wrote it")]
    Version(u32),
}

/// Reads a journal. A torn last line and lines that are no events of ours are left out.
///
/// # Errors
/// [`JournalError`] when it is no journal or cannot be read.
pub fn read(path: &Path) -> Result<(Header, Vec<EventRecord>), JournalError> {
    let Scan { header, events, .. } = scan(path)?;
    Ok((header, events))
}

/// What a journal holds.
pub(super) struct Scan {
    pub(super) header: Header,
    pub(super) events: Vec<EventRecord>,
    /// How long the file is without a torn last line.
    pub(super) whole_bytes: u64,
    /// The highest number used, by lines that are passed over as well.
    pub(super) last_seq: u64,
}

pub(super) fn scan(path: &Path) -> Result<Scan, JournalError> {
    let file = File::open(path)?;
    if file.metadata()?.len() > JOURNAL_BYTES_MAX {
        return Err(JournalError::TooLong);
    }
    // A live journal grows while it is read: `take` keeps to the bound all the same.
    let mut lines = BufReader::new(file.take(JOURNAL_BYTES_MAX));
    let mut line = Vec::new();
    let mut whole_bytes = next_line(&mut lines, &mut line)?.ok_or(JournalError::Header)?;
    let header = parse_header(&line)?;
    let mut events: Vec<EventRecord> = Vec::new();
    let mut last_seq = 0;
    while let Some(bytes) = next_line(&mut lines, &mut line)? {
        whole_bytes += bytes;
        match serde_json::from_slice::<EventRecord>(&line) {
            Ok(record) if record.seq > last_seq => {
                last_seq = record.seq;
                events.push(record);
            }
            Ok(_) | Err(_) => {
                last_seq += 1;
                debug!(call_id = %header.call_id, seq = last_seq, "A line of the journal is no event of ours");
            }
        }
    }
    Ok(Scan { header, events, whole_bytes, last_seq })
}

/// Reads only the first line.
pub(super) fn header(file: File) -> Result<Header, JournalError> {
    let mut line = Vec::new();
    next_line(&mut BufReader::with_capacity(HEADER_BYTES_MAX, file.take(HEADER_BYTES_MAX as u64)), &mut line)?
        .ok_or(JournalError::Header)?;
    parse_header(&line)
}

fn parse_header(line: &[u8]) -> Result<Header, JournalError> {
    let line: HeaderLine = serde_json::from_slice(line).map_err(|_| JournalError::Header)?;
    if line.hotline_journal != FORMAT {
        return Err(JournalError::Version(line.hotline_journal));
    }
    Ok(line.header)
}

/// Fills `line` with the next whole line and tells its length; `None` at the end or at a torn line.
fn next_line(lines: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<u64>, JournalError> {
    line.clear();
    let bytes = lines.read_until(b'\n', line)?;
    Ok((line.last() == Some(&b'\n')).then_some(bytes as u64))
}

/// A call of a day with partial transcripts all the way stays below this.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;
/// The header is some 130 bytes.
const HEADER_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"hotline_journal":1,"call_id":"00000000000000000000000000000001","session_id":"00000000000000000000000000000002","unix_ms":5}"#;
    const DIGIT: &str = r#"{"seq":1,"at":0,"unix_ms":5,"type":"dtmf","digit":"1"}"#;

    fn check(text: &str, expected: Result<(&[u64], u64), &str>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let found = scan(file.path());
        match (&found, expected) {
            (Ok(scan), Ok((seqs, whole_bytes))) => {
                assert_eq!(scan.events.iter().map(|record| record.seq).collect::<Vec<_>>(), seqs, "{text}");
                assert_eq!(scan.whole_bytes, whole_bytes, "{text}");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (Ok(_), Err(expected)) => panic!("{text} was read, expected {expected}"),
            (Err(error), Ok(_)) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let whole = format!("{HEADER}\n{DIGIT}\n");
        let length = whole.len() as u64;
        check(&whole, Ok((&[1], length)));
        check(&format!("{whole}{{\"seq\":2,\"at\":"), Ok((&[1], length)));
        check(&format!("{whole}{DIGIT}"), Ok((&[1], length)));
    }

    #[test]
    fn an_event_we_do_not_know_is_passed_over() {
        let unknown = r#"{"seq":2,"at":0,"unix_ms":5,"type":"call.teleported"}"#;
        let third = DIGIT.replace("\"seq\":1", "\"seq\":3");
        let text = format!("{HEADER}\n{DIGIT}\n{unknown}\n{third}\n");
        check(&text, Ok((&[1, 3], text.len() as u64)));
    }

    #[test]
    fn a_file_that_is_no_journal_is_named_so() {
        check("", Err("header"));
        check(&HEADER[..40], Err("header"));
        check("hello\n", Err("header"));
        check(&format!("{}\n", HEADER.replace(":1,", ":9,")), Err("format 9"));
    }
}
