-- Whose a request is: its command's tenant, or `default` where it is about a revision.
ALTER TABLE approvals_request ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX approvals_request_tenant ON approvals_request (tenant, id);

CREATE TRIGGER approvals_request_tenant_kept BEFORE UPDATE OF tenant ON approvals_request
BEGIN
    SELECT raise(ABORT, 'a request stays with its tenant');
END;
