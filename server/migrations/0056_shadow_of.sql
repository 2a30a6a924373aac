-- What the shadow listens to: `commands`, `operations`, or both where it is nothing.
ALTER TABLE replay_shadow ADD COLUMN of_what TEXT CHECK (of_what IN ('commands', 'operations'));
