-- People of an outside provider (OpenID Connect). Written by the identity room only.
CREATE TABLE identity_provider (
    id         TEXT PRIMARY KEY NOT NULL,  -- the word in addresses
    settings   TEXT NOT NULL,              -- JSON, without the secret
    secret     BLOB,                       -- the client's secret, sealed with the server's key
    created_at INTEGER NOT NULL            -- UTC milliseconds
) STRICT;

-- Who somebody is outside: by issuer and subject, never by name.
CREATE TABLE identity_outside (
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    person    TEXT NOT NULL REFERENCES identity_person (id),
    roles     TEXT NOT NULL DEFAULT '[]',  -- JSON array: what the provider gave at the last sign-in, so that it can take it back
    groups    TEXT NOT NULL DEFAULT '[]',
    linked_at INTEGER NOT NULL,
    last_at   INTEGER,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identity_outside_person ON identity_outside (person);

-- What signing out at the provider takes. It goes with the session.
CREATE TABLE identity_outside_session (
    session  TEXT PRIMARY KEY NOT NULL REFERENCES identity_session (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    id_token BLOB NOT NULL                 -- sealed with the server's key
) STRICT;
