-- Users, their settings, and the rooms they occupy.
--
-- The types are read alike by SQLite and PostgreSQL. SQLite knows no BYTEA, and a column of a type that it does not know keeps
-- bytes as they are. Times are Unix milliseconds.

CREATE TABLE users (
	domain     TEXT   NOT NULL, -- a virtual domain of ours
	jid        TEXT   NOT NULL, -- bare JID of the user, on the XMPP side
	first_seen BIGINT NOT NULL,
	last_seen  BIGINT NOT NULL,
	PRIMARY KEY (domain, jid)
);

CREATE TABLE settings (
	domain TEXT NOT NULL,
	jid    TEXT NOT NULL,
	scope  TEXT NOT NULL, -- what the setting is for, such as 'network:irc.libera.chat'; '' for the domain as a whole
	name   TEXT NOT NULL,
	value  TEXT,
	sealed BYTEA,
	PRIMARY KEY (domain, jid, scope, name),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE,
	CHECK ((value IS NULL) <> (sealed IS NULL))
);

CREATE TABLE occupancies (
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	resource   TEXT   NOT NULL,
	room       TEXT   NOT NULL, -- local part of the room's JID
	nick       TEXT   NOT NULL,
	password   BYTEA,           -- sealed; NULL where the room has none
	entered_at BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, resource, room),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
