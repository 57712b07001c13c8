-- One-time links to pages on which a user fills in the form of a command. They are no reason to know a user, so a row of users is not
-- needed for one.
CREATE TABLE links (
	hash       TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the token in hexadecimal; the token itself is in no place of ours
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	command    TEXT   NOT NULL,
	target     TEXT   NOT NULL, -- the local part that the command is run on, '' for the domain
	expires_at BIGINT NOT NULL
);
CREATE INDEX links_user ON links (domain, jid, expires_at);
CREATE INDEX links_expire ON links (expires_at);
