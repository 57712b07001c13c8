-- Contact lists of users, as far as they have addresses of ours, and whom users have blocked.

CREATE TABLE contacts (
	domain  TEXT NOT NULL,
	jid     TEXT NOT NULL,
	contact TEXT NOT NULL, -- local part of a JID of ours; '' for the domain itself
	PRIMARY KEY (domain, jid, contact),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);

CREATE TABLE blocks (
	domain  TEXT NOT NULL,
	jid     TEXT NOT NULL,
	blocked TEXT NOT NULL, -- a JID of ours
	PRIMARY KEY (domain, jid, blocked),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
