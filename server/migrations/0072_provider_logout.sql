-- Who a session is of at the provider that it came by, so that the provider can end it; and which logout tokens came.
-- Sessions from before have it in their token alone.
ALTER TABLE identity_outside_session ADD COLUMN issuer TEXT;
ALTER TABLE identity_outside_session ADD COLUMN subject TEXT;
ALTER TABLE identity_outside_session ADD COLUMN sid TEXT;      -- the provider's own name for the session there

CREATE INDEX identity_outside_session_who ON identity_outside_session (provider, subject);

CREATE TABLE identity_logout (
    issuer TEXT NOT NULL,
    jti    TEXT NOT NULL,
    until  INTEGER NOT NULL,               -- UTC milliseconds; after it the token is too old by itself
    PRIMARY KEY (issuer, jti)
) STRICT;
