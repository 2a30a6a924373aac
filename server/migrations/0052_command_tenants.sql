-- Whose a command is: its probe's tenant, also when the probe is gone.
ALTER TABLE command_command ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';

CREATE TRIGGER command_tenant_kept BEFORE UPDATE OF tenant ON command_command
BEGIN
    SELECT raise(ABORT, 'a command stays with its tenant');
END;
