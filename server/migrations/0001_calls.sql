-- Calls that have ended, made from their journals. Everything here can be made again from them.

CREATE TABLE calls (
    call_id         TEXT    NOT NULL PRIMARY KEY,
    session_id      TEXT    NOT NULL,
    direction       TEXT,
    from_number     TEXT    NOT NULL,
    to_number       TEXT    NOT NULL,
    flow            TEXT    NOT NULL,
    queue           TEXT,
    agent           TEXT,
    start_unix_ms   INTEGER NOT NULL,
    answer_unix_ms  INTEGER,
    end_unix_ms     INTEGER,
    bot_s           REAL    NOT NULL,
    wait_s          REAL    NOT NULL,
    talk_s          REAL    NOT NULL,
    hold_s          REAL    NOT NULL,
    turns           INTEGER NOT NULL,
    status          TEXT    NOT NULL,
    sip_code        INTEGER,
    reason          TEXT,
    hangup_by       TEXT,
    recording       TEXT,
    recording_s     REAL,
    language        TEXT,
    intent          TEXT,
    mood            TEXT,
    handoff         TEXT,
    last_error      TEXT,
    last_seq        INTEGER NOT NULL
) STRICT;

CREATE INDEX calls_newest ON calls (start_unix_ms DESC, call_id DESC);
CREATE INDEX calls_session ON calls (session_id);

CREATE TABLE utterances (
    call_id     TEXT    NOT NULL REFERENCES calls (call_id) ON DELETE CASCADE,
    -- The sequence number of the event in the journal.
    seq         INTEGER NOT NULL,
    speaker     TEXT    NOT NULL,
    -- Milliseconds since the first event of the call.
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    confidence  REAL    NOT NULL,
    language    TEXT    NOT NULL,
    mood        TEXT,
    PRIMARY KEY (call_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE callbacks (
    id              TEXT    NOT NULL PRIMARY KEY,
    call_id         TEXT    NOT NULL REFERENCES calls (call_id) ON DELETE CASCADE,
    number          TEXT    NOT NULL,
    queue           TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('done', 'open')),
    created_unix_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX callbacks_newest ON callbacks (created_unix_ms DESC, id DESC);
