-- Names and machines are told apart within a tenant: that another has one of the same name is not to be found out.
DROP INDEX fleet_probe_name;
DROP INDEX fleet_probe_machine;
CREATE UNIQUE INDEX fleet_probe_name ON fleet_probe (coalesce(tenant, 'default'), name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX fleet_probe_machine ON fleet_probe (coalesce(tenant, 'default'), machine_id) WHERE removed_at IS NULL;

-- Whose a probe is does not change: what it did belongs to that tenant.
CREATE TRIGGER fleet_probe_tenant_kept BEFORE UPDATE OF tenant ON fleet_probe
BEGIN
    SELECT raise(ABORT, 'a probe stays with its tenant');
END;
