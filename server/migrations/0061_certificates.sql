-- A client's certificate can be a program's key: it is known by its URI, and the key has no text.
ALTER TABLE identity_key ADD COLUMN certificate TEXT;
