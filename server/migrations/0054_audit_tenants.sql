-- What a tenant's auditors read. Entries without a tenant are of the default one.
CREATE INDEX audit_entry_tenant ON audit_entry (coalesce(tenant, 'default'), position);
