-- What a provider gave of tenants, organizations and scopes at the last sign-in, so that it can take it back.
ALTER TABLE identity_outside ADD COLUMN grants TEXT NOT NULL DEFAULT '[]';
