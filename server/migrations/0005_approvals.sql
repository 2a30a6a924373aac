-- What waits for people, and what they said. Written by the approvals room only.
CREATE TABLE approvals_request (
    id          TEXT PRIMARY KEY NOT NULL,
    command     TEXT NOT NULL UNIQUE,
    probe       TEXT NOT NULL,
    body        TEXT NOT NULL,              -- JSON: requester, level, command line, reason, tags: what voters are asked
    digest      TEXT NOT NULL,              -- of exactly what will run; a vote binds to it
    needed      INTEGER NOT NULL,           -- how many approvals the newest decision asks for in all
    state       TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'withdrawn')),
    created_at  INTEGER NOT NULL,           -- UTC milliseconds
    expires_at  INTEGER NOT NULL,
    closed_at   INTEGER
) STRICT;

CREATE INDEX approvals_request_state ON approvals_request (state, created_at);

CREATE TABLE approvals_vote (
    request TEXT NOT NULL REFERENCES approvals_request (id),
    person  TEXT NOT NULL,
    name    TEXT NOT NULL,
    groups  TEXT NOT NULL,                  -- JSON array: the voter's groups when they voted
    choice  TEXT NOT NULL CHECK (choice IN ('approve', 'deny')),
    reason  TEXT,
    at      INTEGER NOT NULL,
    PRIMARY KEY (request, person)
) STRICT;

CREATE TRIGGER approvals_vote_kept BEFORE UPDATE ON approvals_vote
BEGIN
    SELECT raise(ABORT, 'a vote does not change');
END;

CREATE TRIGGER approvals_vote_stays BEFORE DELETE ON approvals_vote
BEGIN
    SELECT raise(ABORT, 'a vote is not taken away');
END;

CREATE TRIGGER approvals_request_immutable BEFORE UPDATE OF id, command, probe, body, digest, created_at ON approvals_request
BEGIN
    SELECT raise(ABORT, 'what was asked of people does not change');
END;
