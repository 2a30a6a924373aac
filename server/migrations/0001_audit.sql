-- The audit log. Entries are leaves of a Merkle tree, numbered from 0 without a gap; a checkpoint signs the tree after every group.

-- What is searched. Everything here is in the body too, and `verify` compares them.
CREATE TABLE audit_entry (
    position  INTEGER PRIMARY KEY CHECK (position >= 0),
    leaf_hash BLOB    NOT NULL CHECK (length(leaf_hash) = 32),
    at        INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    command   TEXT,
    probe     TEXT,
    tenant    TEXT
) STRICT;

CREATE INDEX audit_entry_kind    ON audit_entry (kind);
CREATE INDEX audit_entry_actor   ON audit_entry (actor);
CREATE INDEX audit_entry_command ON audit_entry (command) WHERE command IS NOT NULL;
CREATE INDEX audit_entry_probe   ON audit_entry (probe) WHERE probe IS NOT NULL;

-- What was hashed: the exact bytes of the entry's JSON. A table of its own, so that retention can drop a body and keep its leaf.
CREATE TABLE audit_body (
    position INTEGER PRIMARY KEY REFERENCES audit_entry (position),
    json     TEXT NOT NULL
) STRICT;

-- Roots of complete subtrees of 256^level leaves: with the leaf hashes above, every proof is a few short range reads.
CREATE TABLE audit_node (
    level    INTEGER NOT NULL CHECK (level >= 1),
    position INTEGER NOT NULL CHECK (position >= 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoint (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    root BLOB    NOT NULL CHECK (length(root) = 32),
    at   INTEGER NOT NULL,
    note TEXT    NOT NULL
) STRICT;

-- `at` never falls here, so a point in time leads to the first entry that can be younger.
CREATE INDEX audit_checkpoint_at ON audit_checkpoint (at);

-- Written to find out whether the disk takes writes again; says nothing else.
CREATE TABLE audit_pulse (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    beats   INTEGER NOT NULL,
    ballast BLOB
) STRICT;
INSERT INTO audit_pulse (id, beats) VALUES (1, 0);

-- The log only grows. Inserts are guarded too, because `INSERT OR REPLACE` deletes without asking the delete triggers.
CREATE TRIGGER audit_entry_insert BEFORE INSERT ON audit_entry
WHEN NEW.position <> (SELECT coalesce(max(position) + 1, 0) FROM audit_entry)
BEGIN SELECT RAISE(ABORT, 'audit entries are numbered without a gap'); END;
CREATE TRIGGER audit_entry_update BEFORE UPDATE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_entry_delete BEFORE DELETE ON audit_entry
BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END;

CREATE TRIGGER audit_body_insert BEFORE INSERT ON audit_body
WHEN EXISTS (SELECT 1 FROM audit_body WHERE position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'audit bodies are never replaced'); END;
CREATE TRIGGER audit_body_update BEFORE UPDATE ON audit_body
BEGIN SELECT RAISE(ABORT, 'audit bodies are never changed'); END;
CREATE TRIGGER audit_body_delete BEFORE DELETE ON audit_body
BEGIN SELECT RAISE(ABORT, 'audit bodies are never deleted'); END;

CREATE TRIGGER audit_node_insert BEFORE INSERT ON audit_node
WHEN EXISTS (SELECT 1 FROM audit_node WHERE level = NEW.level AND position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'audit nodes are never replaced'); END;
CREATE TRIGGER audit_node_update BEFORE UPDATE ON audit_node
BEGIN SELECT RAISE(ABORT, 'audit nodes are never changed'); END;
CREATE TRIGGER audit_node_delete BEFORE DELETE ON audit_node
BEGIN SELECT RAISE(ABORT, 'audit nodes are never deleted'); END;

CREATE TRIGGER audit_checkpoint_insert BEFORE INSERT ON audit_checkpoint
WHEN NEW.size <= (SELECT max(size) FROM audit_checkpoint)
BEGIN SELECT RAISE(ABORT, 'audit checkpoints only grow'); END;
CREATE TRIGGER audit_checkpoint_update BEFORE UPDATE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit checkpoints are never changed'); END;
CREATE TRIGGER audit_checkpoint_delete BEFORE DELETE ON audit_checkpoint
BEGIN SELECT RAISE(ABORT, 'audit checkpoints are never deleted'); END;
