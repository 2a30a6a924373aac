-- Passkeys that sign votes, and keys that count only once another one has vouched for them. Written by the approvals room only.
ALTER TABLE approvals_key ADD COLUMN passkey TEXT;                   -- the passkey's id, where it is one
ALTER TABLE approvals_key ADD COLUMN rp_id TEXT;                     -- the host that the passkey was made for
ALTER TABLE approvals_key ADD COLUMN waits INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1));

-- A key that counts does not go back to waiting, and is nobody else's.
CREATE TRIGGER approvals_key_kept BEFORE UPDATE ON approvals_key
WHEN NEW.waits > OLD.waits OR NEW.id IS NOT OLD.id OR NEW.person IS NOT OLD.person OR NEW.algorithm IS NOT OLD.algorithm
    OR NEW.public_key IS NOT OLD.public_key OR NEW.passkey IS NOT OLD.passkey OR NEW.rp_id IS NOT OLD.rp_id
    OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at)
BEGIN
    SELECT raise(ABORT, 'a key for votes does not change; it is vouched for, and revoked');
END;
