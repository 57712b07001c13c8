-- Files that are kept for anybody who has their link, until they expire. The bytes are in the state directory.

CREATE TABLE files (
	id      TEXT   NOT NULL, -- of the file in the directory, from which the secret of its link cannot be told
	domain  TEXT   NOT NULL,
	jid     TEXT   NOT NULL, -- who brought it
	name    TEXT   NOT NULL, -- for people, as the link ends
	type    TEXT   NOT NULL, -- media type
	size    BIGINT NOT NULL, -- in bytes
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);

CREATE INDEX files_user ON files (domain, jid, size);
CREATE INDEX files_expires ON files (expires);
