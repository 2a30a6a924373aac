-- Commands, their decisions and what happened to them. Written by the command room only.
CREATE TABLE command_command (
    id            TEXT PRIMARY KEY NOT NULL,
    probe         TEXT NOT NULL,
    probe_name    TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('held', 'queued', 'dispatched', 'running', 'denied', 'expired',
                  'canceled', 'succeeded', 'failed', 'timed_out', 'refused', 'lost')),
    level         TEXT NOT NULL,
    principal     TEXT NOT NULL,            -- JSON: who asked, as they were then
    principal_id  TEXT NOT NULL,
    spec          TEXT NOT NULL,            -- JSON: what runs
    line          TEXT NOT NULL,            -- the same, for people
    context       TEXT NOT NULL,            -- JSON: origin, reason and the like
    group_id      TEXT,                     -- commands of one ask to many probes share it
    idem_key      TEXT,
    idem_digest   TEXT,
    revision      TEXT NOT NULL,            -- the bundle of the first decision
    digest        TEXT NOT NULL,            -- of exactly what runs; approvals bind to it
    approval      TEXT,
    sealable      TEXT,                     -- the order's exact bytes, once the command is cleared
    cancel        TEXT,                     -- why it is to be stopped, once somebody said so
    created_at    INTEGER NOT NULL,         -- UTC milliseconds
    expires_at    INTEGER NOT NULL,         -- it does not start after this
    dispatched_at INTEGER,
    started_at    INTEGER,
    ended_at      INTEGER,
    ended         TEXT                      -- JSON: how it ended
) STRICT;

CREATE UNIQUE INDEX command_idempotency ON command_command (principal_id, idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX command_open ON command_command (state) WHERE state IN ('held', 'queued', 'dispatched', 'running');
CREATE INDEX command_of_probe ON command_command (probe, id);
CREATE INDEX command_of_group ON command_command (group_id, id) WHERE group_id IS NOT NULL;

-- Every judgement, with the facts that it read: enough to decide again.
CREATE TABLE command_decision (
    command  TEXT NOT NULL REFERENCES command_command (id),
    n        INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    revision TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    facts    TEXT NOT NULL,                 -- canonical JSON
    decision TEXT NOT NULL,                 -- canonical JSON
    PRIMARY KEY (command, n)
) STRICT, WITHOUT ROWID;

-- What a watcher of the command is shown, in order, without a gap.
CREATE TABLE command_event (
    command TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    chunk   INTEGER,                        -- of an output event: its number
    body    TEXT NOT NULL,                  -- JSON
    PRIMARY KEY (command, seq)
) STRICT, WITHOUT ROWID;

-- What was asked does not change, and what ended does not go on. A command that was given up as lost may still be
-- heard of: its probe comes back and says how it ended.
CREATE TRIGGER command_immutable
BEFORE UPDATE OF id, probe, spec, principal, digest, created_at, expires_at ON command_command
BEGIN
    SELECT raise(ABORT, 'what was asked does not change');
END;

CREATE TRIGGER command_final BEFORE UPDATE OF state ON command_command
WHEN OLD.state IN ('denied', 'expired', 'canceled', 'succeeded', 'failed', 'timed_out', 'refused')
BEGIN
    SELECT raise(ABORT, 'a command that ended does not go on');
END;

CREATE TRIGGER command_decision_kept BEFORE UPDATE ON command_decision
BEGIN
    SELECT raise(ABORT, 'a decision does not change');
END;
