-- The archive: what was said in rooms, and what one user and his contacts wrote each other.
--
-- A number is 64 bits: that of the archive, then 39 bits that count its lines. So the lines of an archive lie side by side, a
-- range of numbers is a range of one archive, and every index that holds the number serves each archive by itself. Numbers and
-- times of an archive both grow and never go back.

CREATE TABLE archives (
	archive   BIGINT PRIMARY KEY,
	kind      TEXT   NOT NULL, -- 'room', 'user', 'aside' while a room gets older lines, or 'gone' when the user was removed and his lines wait for the collection
	domain    TEXT   NOT NULL,
	name      TEXT   NOT NULL, -- local part of the room's JID, bare JID of the user
	last      BIGINT NOT NULL, -- number of the newest line, also when it was deleted
	last_time BIGINT NOT NULL,
	UNIQUE (kind, domain, name)
);

CREATE TABLE archive_lines (
	line     BIGINT PRIMARY KEY,
	id       TEXT    NOT NULL UNIQUE, -- the stanza id, which clients know the line by
	time     BIGINT  NOT NULL,
	who      TEXT    NOT NULL, -- nick in the room, local part of the contact's JID
	outgoing BOOLEAN NOT NULL, -- the user said it to the contact
	stanza   TEXT    NOT NULL
);
CREATE INDEX archive_lines_who ON archive_lines (who, line);

-- The lines of rooms that a user may read: those that his own sessions heard. Ranges of one user neither overlap nor touch.
CREATE TABLE archive_seen (
	domain  TEXT   NOT NULL,
	jid     TEXT   NOT NULL,
	lo      BIGINT NOT NULL,
	hi      BIGINT NOT NULL,
	archive BIGINT NOT NULL, -- that of lo and hi
	PRIMARY KEY (domain, jid, lo),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE,
	CHECK (lo <= hi)
);
-- Who reads an archive. Not of lo alone: PostgreSQL would take that for the ranges of one user where there are few users, and pass
-- all those of the others.
CREATE INDEX archive_seen_archive ON archive_seen (archive, lo);
