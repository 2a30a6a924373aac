-- Replays of recorded decisions, and the shadow. Written by the replay room only.

-- Bundles that were tried out, so that a replay can go on after a restart and its reasons can be asked for later.
CREATE TABLE replay_candidate (
    revision TEXT PRIMARY KEY NOT NULL,
    files    TEXT NOT NULL,                 -- JSON: path to text
    kept_at  INTEGER NOT NULL               -- UTC milliseconds
) STRICT;

CREATE TABLE replay_job (
    id             TEXT PRIMARY KEY NOT NULL,
    candidate      TEXT NOT NULL REFERENCES replay_candidate (revision),
    actor          TEXT NOT NULL,
    selection      TEXT NOT NULL,           -- JSON: which decisions
    state          TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'canceled', 'failed')),
    total          INTEGER NOT NULL,        -- judgements of its time, when it was asked for
    seen           INTEGER NOT NULL,        -- of these, looked at so far
    cursor_command TEXT,                    -- the last one that was looked at: where to go on
    cursor_n       INTEGER,
    listed         INTEGER NOT NULL,        -- findings that were written down
    tally          TEXT NOT NULL,           -- JSON
    fault          TEXT,
    created_at     INTEGER NOT NULL,
    ended_at       INTEGER
) STRICT;

CREATE INDEX replay_job_open ON replay_job (id) WHERE state IN ('waiting', 'running');

-- What changed, and what could not be decided again.
CREATE TABLE replay_finding (
    job       TEXT NOT NULL REFERENCES replay_job (id) ON DELETE CASCADE,
    seq       INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    command   TEXT NOT NULL,
    n         INTEGER NOT NULL,
    principal TEXT,
    action    TEXT,
    body      TEXT NOT NULL,                -- JSON
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

-- The candidate that decides beside the live bundle; one row, or none.
CREATE TABLE replay_shadow (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    candidate  TEXT NOT NULL REFERENCES replay_candidate (revision),
    actor      TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    tally      TEXT NOT NULL,               -- JSON
    dropped    INTEGER NOT NULL,            -- judgements that there was no time for
    gave_up    INTEGER NOT NULL,            -- judgements that took the candidate too long, or on which it broke
    listed     INTEGER NOT NULL
) STRICT;

CREATE TABLE replay_difference (
    seq  INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL                      -- JSON
) STRICT;
