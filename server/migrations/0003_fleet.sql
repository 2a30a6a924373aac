-- Enrollment tokens, probes and what they are made of. Written by the fleet room only.
CREATE TABLE fleet_token (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,              -- SHA-256 of the secret half
    tags       TEXT NOT NULL,              -- JSON array; given to every probe that enrolls with it
    site       TEXT,
    tenant     TEXT,
    probe      TEXT,                       -- set: only this probe may enroll again with it
    max_uses   INTEGER,                    -- NULL: any number
    uses       INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,           -- UTC milliseconds
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE fleet_probe (
    id           TEXT PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    hostname     TEXT NOT NULL,
    os           TEXT NOT NULL,
    arch         TEXT NOT NULL,
    version      TEXT NOT NULL,
    machine_id   TEXT NOT NULL,
    tags         TEXT NOT NULL,            -- JSON array
    site         TEXT,
    tenant       TEXT,
    ceiling      TEXT NOT NULL CHECK (ceiling IN ('observe', 'diagnose', 'remediate', 'destroy')),
    key          BLOB NOT NULL,            -- sealed with the server's key
    floor        TEXT,                     -- JSON: what the host itself forbids
    inventory    TEXT,                     -- digest of the inventory as a whole
    enrolled_at  INTEGER NOT NULL,
    last_seen_at INTEGER,
    removed_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX fleet_probe_name ON fleet_probe (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX fleet_probe_machine ON fleet_probe (machine_id) WHERE removed_at IS NULL;

CREATE TABLE fleet_inventory (
    probe        TEXT NOT NULL REFERENCES fleet_probe (id),
    section      TEXT NOT NULL,
    body         TEXT NOT NULL,            -- JSON
    collected_at INTEGER NOT NULL,
    PRIMARY KEY (probe, section)
) STRICT;

-- What a probe is does not change under it.
CREATE TRIGGER fleet_probe_immutable BEFORE UPDATE OF id, enrolled_at ON fleet_probe
BEGIN
    SELECT raise(ABORT, 'a probe''s id and enrollment do not change');
END;
