-- People can be asked about a bundle, too: a request is about one command or about one revision.
-- SQLite cannot loosen a column, so both tables are made anew.

DROP TRIGGER approvals_vote_kept;
DROP TRIGGER approvals_vote_stays;
DROP TRIGGER approvals_request_immutable;

CREATE TABLE approvals_request_next (
    id          TEXT PRIMARY KEY NOT NULL,
    command     TEXT UNIQUE,                -- what is held: a command on a probe,
    probe       TEXT,
    revision    TEXT,                       -- or a revision that is to be put in force
    body        TEXT NOT NULL,              -- JSON: requester, level, command line, reason, tags: what voters are asked
    digest      TEXT NOT NULL,              -- of exactly what will run; a vote binds to it
    needed      INTEGER NOT NULL,           -- how many approvals the newest decision asks for in all
    state       TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    created_at  INTEGER NOT NULL,           -- UTC milliseconds
    expires_at  INTEGER NOT NULL,
    closed_at   INTEGER,
    CHECK ((command IS NULL) = (probe IS NULL) AND (command IS NULL) <> (revision IS NULL))
) STRICT;

INSERT INTO approvals_request_next
    (id, command, probe, revision, body, digest, needed, state, created_at, expires_at, closed_at)
    SELECT id, command, probe, NULL, body, digest, needed, state, created_at, expires_at, closed_at FROM approvals_request;

CREATE TABLE approvals_vote_next (
    request TEXT NOT NULL REFERENCES approvals_request_next (id),
    person  TEXT NOT NULL,
    name    TEXT NOT NULL,
    groups  TEXT NOT NULL,                  -- JSON array: the voter's groups when they voted
    choice  TEXT NOT NULL CHECK (choice IN ('approve', 'deny')),
    reason  TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (request, person)
) STRICT;

INSERT INTO approvals_vote_next (request, person, name, groups, choice, reason, at)
    SELECT request, person, name, groups, choice, reason, at FROM approvals_vote;

DROP TABLE approvals_vote;
DROP TABLE approvals_request;
ALTER TABLE approvals_request_next RENAME TO approvals_request;
ALTER TABLE approvals_vote_next RENAME TO approvals_vote;

CREATE INDEX approvals_request_state ON approvals_request (state, created_at);
-- One question about a revision at a time.
CREATE UNIQUE INDEX approvals_request_revision ON approvals_request (revision)
    WHERE revision IS NOT NULL AND state = 'pending';

CREATE TRIGGER approvals_vote_kept BEFORE UPDATE ON approvals_vote
BEGIN
    SELECT raise(ABORT, 'a vote does not change');
END;

CREATE TRIGGER approvals_vote_stays BEFORE DELETE ON approvals_vote
BEGIN
    SELECT raise(ABORT, 'a vote is not taken away');
END;

CREATE TRIGGER approvals_request_immutable
BEFORE UPDATE OF id, command, probe, revision, body, digest, created_at ON approvals_request
BEGIN
    SELECT raise(ABORT, 'what was asked of people does not change');
END;
