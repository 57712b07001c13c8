-- What users say by way of the gateway where it logs in as they are, until their server has it for sure.
CREATE TABLE said (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	number BIGINT NOT NULL, -- in the order in which the user said it
	letter TEXT   NOT NULL, -- the id of what may come back
	stanza TEXT   NOT NULL,
	time   BIGINT NOT NULL, -- when he said it
	tries  BIGINT NOT NULL, -- that were begun: the server may have it
	PRIMARY KEY (domain, jid, number),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
