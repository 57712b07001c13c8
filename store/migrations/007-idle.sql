-- Since when users do nothing, and what came of that: for those who may be taken off the networks.
CREATE TABLE idle (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	acted  BIGINT, -- when he last did something himself, if that is known
	warned BIGINT, -- when he was told that he will be taken off, if he was
	gone   BIGINT, -- when he was, if he is
	PRIMARY KEY (domain, jid),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
