-- What was asked of the API, and what the access policies said, with the facts that they read. Written by the identity
-- room only. One question of one principal in the same circumstances is one row an hour.
CREATE TABLE identity_asked (
    id        TEXT PRIMARY KEY NOT NULL,    -- opn_…, in the order of time
    at        INTEGER NOT NULL,             -- when it was first asked, UTC milliseconds
    last_at   INTEGER NOT NULL,
    times     INTEGER NOT NULL,             -- how often it was asked in that hour
    action    TEXT NOT NULL,
    principal TEXT NOT NULL,                -- the name that people know
    tenant    TEXT NOT NULL,                -- whose auditors see it
    outcome   TEXT NOT NULL,
    facts     TEXT NOT NULL,                -- JSON, as it was decided on
    decision  TEXT NOT NULL                 -- JSON
) STRICT;

CREATE INDEX identity_asked_principal ON identity_asked (principal, id);
CREATE INDEX identity_asked_action ON identity_asked (action, id);
CREATE INDEX identity_asked_tenant ON identity_asked (tenant, id);

-- What was decided stays what it was; only how often it was asked goes on.
CREATE TRIGGER identity_asked_immutable BEFORE UPDATE OF id, at, action, principal, tenant, outcome, facts, decision
ON identity_asked
BEGIN
    SELECT RAISE(ABORT, 'a decision cannot be changed');
END;
