-- A probe's key is turned without enrolling anew: the next key is kept beside the one of now until the probe has proved it.
ALTER TABLE fleet_probe ADD COLUMN next_key BLOB;           -- sealed with the server's key, like `key`
ALTER TABLE fleet_probe ADD COLUMN turn TEXT;               -- the turn that is under way
ALTER TABLE fleet_probe ADD COLUMN turn_by TEXT;
ALTER TABLE fleet_probe ADD COLUMN turn_asked_at INTEGER;
ALTER TABLE fleet_probe ADD COLUMN turn_trouble TEXT;       -- why the probe could not keep the next key
ALTER TABLE fleet_probe ADD COLUMN key_turned_at INTEGER;   -- NULL: the key is the one of the enrollment

-- There is a next key only while a turn is under way.
CREATE TRIGGER fleet_probe_next_key BEFORE UPDATE OF next_key, turn ON fleet_probe
WHEN NEW.next_key IS NOT NULL AND NEW.turn IS NULL
BEGIN
    SELECT raise(ABORT, 'a next key belongs to a turn');
END;
