-- Passkeys (WebAuthn). Written by the identity room only.
CREATE TABLE identity_passkey (
    id           BLOB PRIMARY KEY NOT NULL,  -- the credential's id, as the authenticator made it
    person       TEXT NOT NULL REFERENCES identity_person (id),
    name         TEXT NOT NULL,
    public       BLOB NOT NULL,              -- COSE key
    counter      INTEGER NOT NULL,           -- the newest that was seen; one that goes back is a copy
    created_at   INTEGER NOT NULL,           -- UTC milliseconds
    last_used_at INTEGER
) STRICT;

CREATE INDEX identity_passkey_person ON identity_passkey (person);
