-- What makes an approval mean something: votes that are withdrawn, stood in for and signed; talk about a request; who
-- hears of it when nobody answers; what was agreed to ahead; and glass that was broken. Written by the approvals room only.

ALTER TABLE approvals_request ADD COLUMN escalated_at INTEGER;
ALTER TABLE approvals_vote ADD COLUMN stands_for TEXT;  -- the person in whose place the voter voted
ALTER TABLE approvals_vote ADD COLUMN stands_for_name TEXT;
ALTER TABLE approvals_vote ADD COLUMN seen_at INTEGER;  -- when the voter first looked at the request
ALTER TABLE approvals_vote ADD COLUMN signed TEXT;      -- JSON: the key and its signature

CREATE INDEX approvals_vote_person ON approvals_vote (person, at);

-- A vote that was taken back, as it was.
CREATE TABLE approvals_withdrawal (
    request         TEXT NOT NULL REFERENCES approvals_request (id),
    person          TEXT NOT NULL,
    name            TEXT NOT NULL,
    groups          TEXT NOT NULL,
    choice          TEXT NOT NULL,
    reason          TEXT,
    at              INTEGER NOT NULL,
    stands_for      TEXT,
    stands_for_name TEXT,
    seen_at         INTEGER,
    signed          TEXT,
    withdrawn_at    INTEGER NOT NULL,
    why             TEXT,
    PRIMARY KEY (request, person, withdrawn_at)
) STRICT;

DROP TRIGGER approvals_vote_stays;
CREATE TRIGGER approvals_vote_stays BEFORE DELETE ON approvals_vote
WHEN NOT EXISTS (
    SELECT 1 FROM approvals_withdrawal AS kept
    WHERE kept.request = OLD.request AND kept.person = OLD.person AND kept.at = OLD.at
)
BEGIN
    SELECT raise(ABORT, 'a vote is not taken away; it is withdrawn');
END;

CREATE TRIGGER approvals_withdrawal_kept BEFORE UPDATE ON approvals_withdrawal
BEGIN
    SELECT raise(ABORT, 'a withdrawn vote does not change');
END;

CREATE TRIGGER approvals_withdrawal_stays BEFORE DELETE ON approvals_withdrawal
BEGIN
    SELECT raise(ABORT, 'a withdrawn vote is not taken away');
END;

CREATE TABLE approvals_comment (
    id       TEXT PRIMARY KEY NOT NULL,
    request  TEXT NOT NULL REFERENCES approvals_request (id),
    reply_to TEXT,
    person   TEXT NOT NULL,
    name     TEXT NOT NULL,
    text     TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE INDEX approvals_comment_request ON approvals_comment (request, id);

CREATE TABLE approvals_delegation (
    id            TEXT PRIMARY KEY NOT NULL,
    person        TEXT NOT NULL,            -- who hands on
    name          TEXT NOT NULL,
    delegate      TEXT NOT NULL,            -- who stands in
    delegate_name TEXT NOT NULL,
    reason        TEXT,
    created_at    INTEGER NOT NULL,
    since         INTEGER NOT NULL,
    until         INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT;

CREATE TABLE approvals_key (
    id         TEXT PRIMARY KEY NOT NULL,
    person     TEXT NOT NULL,
    name       TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    public_key TEXT NOT NULL UNIQUE,        -- base 64; the secret never comes here
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE approvals_grant (
    id             TEXT PRIMARY KEY NOT NULL,
    approval       TEXT NOT NULL,           -- the request that people are asked in
    body           TEXT NOT NULL,           -- JSON: who, what, where, why
    policy         TEXT NOT NULL,           -- the Cedar policy that it covers; what people vote on
    state          TEXT NOT NULL CHECK (state IN ('pending', 'active', 'refused', 'revoked')),
    duration_ms    INTEGER NOT NULL,        -- its clock starts when people have agreed
    most_uses      INTEGER,
    used           INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    agreed_at      INTEGER,
    until          INTEGER,
    voices         TEXT,                    -- JSON: who agreed, with their groups then
    ended_at       INTEGER,
    ended_by       TEXT,
    ended_why      TEXT
) STRICT;

CREATE TRIGGER approvals_grant_immutable BEFORE UPDATE OF id, approval, body, policy, duration_ms, most_uses, created_at ON approvals_grant
BEGIN
    SELECT raise(ABORT, 'what people agreed to does not change');
END;

CREATE TABLE approvals_breakglass (
    command       TEXT PRIMARY KEY NOT NULL,
    probe         TEXT NOT NULL,
    body          TEXT NOT NULL,            -- JSON: who, where, what, why
    person        TEXT NOT NULL,
    at            INTEGER NOT NULL,
    reviewed_at   INTEGER,
    reviewer      TEXT,
    reviewer_name TEXT,
    verdict       TEXT CHECK (verdict IN ('justified', 'unjustified')),
    note          TEXT
) STRICT;

CREATE INDEX approvals_breakglass_open ON approvals_breakglass (at) WHERE reviewed_at IS NULL;
