//! What is kept of calls: the journal, those who watch it, and the rows and files made from it.

use std::path::PathBuf;
use std::sync::Arc;

use call::{CallEvent, CallId, SessionId};
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::error;

use crate::clock::Clock;
use crate::http::{CallControl, Feed, LiveCalls};
use crate::journal::{Folders, Header, Journal, dated_path};
use crate::store::Projector;
use crate::webhook::Webhook;

/// A call's journal cannot be opened.
#[derive(Debug, Error)]
#[error("cannot write the journal of a call in {folder}: {source}; check the disk and data.folder")]
pub(crate) struct RecordsError {
    folder: PathBuf,
    source: std::io::Error,
}

/// Where calls are kept and who is told of them.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) clock: Clock,
    pub(crate) folders: Folders,
    pub(crate) projector: Projector,
    pub(crate) live: LiveCalls,
    pub(crate) webhook: Option<Webhook>,
}

/// Where a call's recording lies.
pub(crate) struct RecordingPlace {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its name below the recordings folder.
    pub(crate) name: String,
}

/// One call's journal, and whoever follows it.
pub(crate) struct Chronicle {
    records: Records,
    header: Header,
    /// Both until the call is closed.
    open: Option<(Journal, Feed)>,
}

impl Records {
    /// Begins the journal of a call and makes it known as live.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn open(
        &self,
        call_id: CallId,
        session_id: SessionId,
        controls: mpsc::Sender<CallControl>,
    ) -> Result<Chronicle, RecordsError> {
        let header = Header { call_id, session_id, unix_ms: self.clock.unix_ms() };
        let journal = Journal::create(&self.folders.live, header)
            .map_err(|source| RecordsError { folder: self.folders.live.clone(), source })?;
        let feed = self.live.begin(header, controls);
        Ok(Chronicle { records: self.clone(), header, open: Some((journal, feed)) })
    }
}

impl Chronicle {
    /// Appends an event to the journal, then tells whoever follows. Whatever the event is about is done afterwards.
    pub(crate) fn record(&mut self, event: CallEvent) {
        let Some((journal, feed)) = &mut self.open else { return };
        let clock = self.records.clock;
        match journal.append(clock.now(), clock.unix_ms(), event) {
            Ok(record) => {
                let record = Arc::new(record);
                feed.publish(record.clone());
                if let Some(webhook) = &self.records.webhook {
                    webhook.tell(&self.header, &record, feed);
                }
            }
            // The caller is better served by a call without a journal than by none.
            Err(error) => error!(call_id = %self.header.call_id, %error, "An event could not be journalled"),
        }
    }

    /// Where this call's recording lies: beside its journal in the archive.
    pub(crate) fn recording_place(&self) -> RecordingPlace {
        let name = dated_path(self.header.unix_ms, self.header.session_id, "wav");
        RecordingPlace { file: self.records.folders.recordings.join(&name), name: name.display().to_string() }
    }

    /// Writes the last event; the call's rows are made from its journal.
    pub(crate) fn close(mut self, ended: CallEvent) {
        self.record(ended);
    }
}

impl Drop for Chronicle {
    /// Also after a panic: a journal without its last event is closed as crashed when it is settled.
    fn drop(&mut self) {
        if let Some((journal, feed)) = self.open.take() {
            self.records.projector.settle(journal, feed);
        }
    }
}
