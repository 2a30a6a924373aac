-- Every revision that was published: content-addressed, with what it was tried with. Written by the policy room only.

-- A file's text, kept once however many revisions have it.
CREATE TABLE policy_text (
    digest TEXT PRIMARY KEY NOT NULL,        -- SHA-256 (hex) of the text
    text   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_bundle (
    n            INTEGER PRIMARY KEY,        -- in the order of publication
    revision     TEXT NOT NULL UNIQUE,       -- the bundle's digest
    published_at INTEGER NOT NULL,           -- UTC milliseconds
    publisher    TEXT NOT NULL,
    origin       TEXT NOT NULL,              -- JSON: kind, place, commit, signer
    message      TEXT,
    policies     INTEGER NOT NULL,
    scripts      INTEGER NOT NULL,
    passed       INTEGER NOT NULL CHECK (passed IN (0, 1)),
    report       TEXT NOT NULL               -- JSON: what its cases came to, under which build
) STRICT;

CREATE TABLE policy_file (
    revision TEXT NOT NULL REFERENCES policy_bundle (revision),
    path     TEXT NOT NULL,
    digest   TEXT NOT NULL REFERENCES policy_text (digest),
    bytes    INTEGER NOT NULL,
    PRIMARY KEY (revision, path)
) STRICT, WITHOUT ROWID;

-- What was in force, one row after another. The newest row decides, also after a crash.
CREATE TABLE policy_activation (
    n        INTEGER PRIMARY KEY,
    revision TEXT NOT NULL REFERENCES policy_bundle (revision),
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    how      TEXT NOT NULL CHECK (how IN ('start', 'source', 'person', 'rollback', 'template')),
    reason   TEXT,
    approval TEXT,                           -- the request that people agreed to, if policy wanted one
    below    INTEGER REFERENCES policy_activation (n)  -- what a rollback goes back to
) STRICT;

-- A person's word that the source does not take back.
CREATE TABLE policy_pin (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    actor  TEXT NOT NULL,
    reason TEXT,
    at     INTEGER NOT NULL
) STRICT;

CREATE TRIGGER policy_text_kept BEFORE UPDATE ON policy_text
BEGIN SELECT RAISE(ABORT, 'a text is named by its digest and does not change'); END;
CREATE TRIGGER policy_bundle_kept BEFORE UPDATE ON policy_bundle
BEGIN SELECT RAISE(ABORT, 'a revision does not change'); END;
CREATE TRIGGER policy_file_kept BEFORE UPDATE ON policy_file
BEGIN SELECT RAISE(ABORT, 'a revision does not change'); END;
CREATE TRIGGER policy_activation_kept BEFORE UPDATE ON policy_activation
BEGIN SELECT RAISE(ABORT, 'an activation does not change'); END;
CREATE TRIGGER policy_activation_stays BEFORE DELETE ON policy_activation
BEGIN SELECT RAISE(ABORT, 'an activation is not taken away'); END;
CREATE TRIGGER policy_activation_passed BEFORE INSERT ON policy_activation
WHEN NOT EXISTS (SELECT 1 FROM policy_bundle WHERE revision = NEW.revision AND passed = 1)
BEGIN SELECT RAISE(ABORT, 'only a revision that passed its cases decides'); END;
