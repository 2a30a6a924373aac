-- Every bundle that was ever active, so that a decision can be decided again. Written by the policy room only.
CREATE TABLE policy_revision (
    revision     TEXT PRIMARY KEY NOT NULL,  -- the bundle's digest
    files        TEXT NOT NULL,              -- JSON: path to text
    source       TEXT NOT NULL,              -- where it was loaded from
    activated_at INTEGER NOT NULL            -- UTC milliseconds; the newest of them is the active one
) STRICT;
