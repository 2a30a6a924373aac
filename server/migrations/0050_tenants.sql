-- Tenants, and what people are granted of them. Everything that was there before belongs to `default`: a tenant that is
-- not written down is that one. Written by the identity room only.
CREATE TABLE identity_tenant (
    name       TEXT PRIMARY KEY NOT NULL,
    title      TEXT,
    org        TEXT,
    created_at INTEGER NOT NULL            -- UTC milliseconds
) STRICT;

INSERT INTO identity_tenant (name, created_at) VALUES ('default', 0);

CREATE TRIGGER identity_tenant_stays BEFORE DELETE ON identity_tenant
BEGIN
    SELECT raise(ABORT, 'a tenant is not taken away: the log speaks of it');
END;

CREATE TRIGGER identity_tenant_kept BEFORE UPDATE OF name, created_at ON identity_tenant
BEGIN
    SELECT raise(ABORT, 'a tenant keeps its name');
END;

-- JSON array: `tenant:blue`, `org:acme`, `scope:web`. Without one of the first two it is `tenant:default`.
ALTER TABLE identity_person ADD COLUMN grants TEXT NOT NULL DEFAULT '[]';
