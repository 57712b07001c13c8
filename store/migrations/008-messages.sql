-- Messages that others refer to, by what their network calls them; and messages that were taken back.

ALTER TABLE archive_lines ADD COLUMN network_id TEXT NOT NULL DEFAULT ''; -- empty where the network gives none
CREATE INDEX archive_lines_network ON archive_lines (network_id, line) WHERE network_id <> '';

-- What a user reads in place of a line of a room that was taken back, as far as he heard of that. A line that nobody reads any more as it was
-- has no stanza.
CREATE TABLE archive_retracted (
	line   BIGINT NOT NULL REFERENCES archive_lines (line) ON DELETE CASCADE ON UPDATE CASCADE,
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	stanza TEXT   NOT NULL,
	PRIMARY KEY (line, domain, jid),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX archive_retracted_reader ON archive_retracted (domain, jid);
