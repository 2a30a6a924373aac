-- People and their keys. Written by the identity room only.
CREATE TABLE identity_person (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    roles      TEXT NOT NULL,              -- JSON array of role names
    groups     TEXT NOT NULL,              -- JSON array of group names
    created_at INTEGER NOT NULL,           -- UTC milliseconds
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE identity_key (
    id         TEXT PRIMARY KEY NOT NULL,
    person     TEXT NOT NULL REFERENCES identity_person (id),
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,              -- SHA-256 of the secret half; the secret itself is shown once and not kept
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE INDEX identity_key_person ON identity_key (person);
