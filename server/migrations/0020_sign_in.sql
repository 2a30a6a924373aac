-- Sign-in: passwords, second factors, sessions, one-time links; and what keys and machine accounts need to be told apart.
-- Written by the identity room only.
ALTER TABLE identity_person ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'service', 'agent'));
ALTER TABLE identity_person ADD COLUMN owner TEXT REFERENCES identity_person (id);  -- whose rights bound a service or an agent
ALTER TABLE identity_person ADD COLUMN last_sign_in_at INTEGER;

ALTER TABLE identity_key ADD COLUMN scopes TEXT;                    -- JSON array of actions; NULL is no bound of its own
ALTER TABLE identity_key ADD COLUMN last_used_at INTEGER;
ALTER TABLE identity_key ADD COLUMN addresses TEXT NOT NULL DEFAULT '[]';  -- JSON array: where it was used from, newest last

CREATE TABLE identity_secret (
    person            TEXT PRIMARY KEY NOT NULL REFERENCES identity_person (id),
    password          TEXT,                -- PHC string, argon2id
    totp              BLOB,                -- sealed with the server's key
    totp_confirmed_at INTEGER,
    totp_step         INTEGER NOT NULL DEFAULT 0,  -- the newest step whose digits were used; none counts twice
    changed_at        INTEGER NOT NULL     -- UTC milliseconds
) STRICT;

CREATE TABLE identity_recovery_code (
    person  TEXT NOT NULL REFERENCES identity_person (id),
    hash    BLOB NOT NULL,                 -- SHA-256
    used_at INTEGER,
    PRIMARY KEY (person, hash)
) STRICT;

CREATE TABLE identity_session (
    id         TEXT PRIMARY KEY NOT NULL,
    person     TEXT NOT NULL REFERENCES identity_person (id),
    hash       BLOB NOT NULL,              -- SHA-256 of the cookie's secret half
    mfa        INTEGER NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,           -- at most a minute behind
    expires_at INTEGER NOT NULL            -- whatever happens meanwhile
) STRICT;

CREATE INDEX identity_session_person ON identity_session (person);

CREATE TABLE identity_link (
    hash       BLOB PRIMARY KEY NOT NULL,  -- SHA-256; the link itself is shown once and not kept
    purpose    TEXT NOT NULL CHECK (purpose IN ('setup', 'invite', 'reset', 'recover')),
    person     TEXT REFERENCES identity_person (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
