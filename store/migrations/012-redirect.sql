-- Redirects: messages of XMPP that go to the email of who gets them.

CREATE TABLE redirects (
	domain    TEXT   NOT NULL,
	jid       TEXT   NOT NULL,
	mailbox   TEXT   NOT NULL, -- where they go
	state     BIGINT NOT NULL, -- see redirect.go
	alias     TEXT   NOT NULL, -- local part of the JID of ours that stands for the user
	rules     TEXT   NOT NULL, -- of mailbridge, as what follows
	settings  TEXT   NOT NULL,
	code      TEXT   NOT NULL, -- a hash of what was mailed to prove that the mailbox is his; '' for nothing
	coded_at  BIGINT NOT NULL,
	tries     BIGINT NOT NULL, -- wrong codes
	failures  BIGINT NOT NULL, -- mails that did not arrive
	failed_at BIGINT NOT NULL, -- the last of them
	dropped   BIGINT NOT NULL, -- messages that there was no room for, and that the user was not told of
	PRIMARY KEY (domain, jid),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE UNIQUE INDEX redirects_alias ON redirects (domain, alias);

-- Conversations of which messages wait, or were mailed not long ago.
CREATE TABLE redirect_talks (
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	peer       TEXT   NOT NULL, -- a bare JID
	job        BIGINT NOT NULL, -- that mails what waits; 0 for none
	due        BIGINT NOT NULL, -- when
	edits      BIGINT NOT NULL, -- how often its lines have changed
	waiting    BIGINT NOT NULL, -- lines that wait
	more       BIGINT NOT NULL, -- messages beside them, of which the number alone is kept
	read_at    BIGINT NOT NULL, -- what was said by then is read
	message_id TEXT   NOT NULL, -- of the last mail
	refs       TEXT   NOT NULL, -- before it in its thread: Message-IDs with spaces between
	changed_at BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, peer),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX redirect_talks_waiting ON redirect_talks (domain, jid) WHERE waiting > 0;
CREATE INDEX redirect_talks_changed ON redirect_talks (changed_at);

-- Messages that wait and, without what they say, those that did: each is mailed once, however often it comes.
CREATE TABLE redirect_lines (
	id         BIGINT PRIMARY KEY, -- of mail_ids
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	peer       TEXT   NOT NULL,
	author     TEXT   NOT NULL, -- of what was said in a room: his nick there
	xmpp_id    TEXT   NOT NULL,
	archive_id TEXT   NOT NULL,
	hash       TEXT   NOT NULL, -- of what it says
	partial    BIGINT NOT NULL, -- 1 where there is more of it elsewhere
	copy       TEXT   NOT NULL, -- of mailbridge; '' once it waits no more
	said_at    BIGINT NOT NULL,
	taken_at   BIGINT NOT NULL,
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX redirect_lines_peer ON redirect_lines (domain, jid, peer, xmpp_id, id);
CREATE INDEX redirect_lines_archive ON redirect_lines (domain, jid, archive_id);
CREATE INDEX redirect_lines_hash ON redirect_lines (domain, jid, hash, taken_at);
CREATE INDEX redirect_lines_waiting ON redirect_lines (domain, jid, peer, id) WHERE copy <> '';
CREATE INDEX redirect_lines_taken ON redirect_lines (taken_at);

-- Mails of redirects, which are rows of mail_out: whom an answer is for.
CREATE TABLE redirect_mails (
	mail    BIGINT PRIMARY KEY REFERENCES mail_out (id) ON DELETE CASCADE,
	domain  TEXT   NOT NULL,
	jid     TEXT   NOT NULL,
	mailbox TEXT   NOT NULL, -- where it went
	peer    TEXT   NOT NULL, -- a bare JID; '' for a mail that has a code
	room    BIGINT NOT NULL, -- 1 where that is a room
	name    TEXT   NOT NULL, -- of the peer, for people
	thread  TEXT   NOT NULL, -- of the last message in it
	xmpp_id TEXT   NOT NULL, -- its id
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX redirect_mails_user ON redirect_mails (domain, jid, mail);

-- Codes that were mailed, for a day, by hashes of who asked and of where they went: a user who is removed and comes back has asked still.
CREATE TABLE redirect_asked (
	who TEXT   NOT NULL,
	at  BIGINT NOT NULL
);
CREATE INDEX redirect_asked_who ON redirect_asked (who, at);
CREATE INDEX redirect_asked_at ON redirect_asked (at);

-- Hashes of mailboxes whose owners want no codes.
CREATE TABLE redirect_refused (
	who TEXT   PRIMARY KEY,
	at  BIGINT NOT NULL
);
