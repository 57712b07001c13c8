-- Mail: what came and is not with everybody yet, what users write, and what each mail and letter is called on either side.

CREATE TABLE mail_ids (last BIGINT NOT NULL); -- one row: the id that was given last in mail_in, mail_out and mail_messages
INSERT INTO mail_ids (last) VALUES (0);

-- Mails as they came, for those who have not got theirs yet, and for a time for those who want to see the whole.
CREATE TABLE mail_in (
	id          BIGINT PRIMARY KEY, -- never used again, as in the next tables
	domain      TEXT   NOT NULL,
	envelope    TEXT   NOT NULL, -- of mailbridge: where it came from, and what was judged of it
	raw         BYTEA  NOT NULL,
	received_at BIGINT NOT NULL,
	open        BIGINT NOT NULL, -- how many recipients have not got it
	keep_until  BIGINT NOT NULL
);
CREATE INDEX mail_in_keep ON mail_in (keep_until);

-- Mails of users. Lines are added until it is composed.
CREATE TABLE mail_out (
	id         BIGINT PRIMARY KEY,
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	contact    TEXT   NOT NULL, -- local part of the JID that it is written to; '' for the domain
	message_id TEXT   NOT NULL,
	bundle     TEXT   NOT NULL, -- what lines have in common that go into it
	head       TEXT   NOT NULL, -- of mailbridge: what stands above it
	job        BIGINT NOT NULL, -- that composes it
	edits      BIGINT NOT NULL, -- how often its lines have changed
	begun_at   BIGINT NOT NULL,
	raw        BYTEA,           -- as it goes out; NULL before it is composed
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX mail_out_user ON mail_out (domain, jid, contact, id);
CREATE INDEX mail_out_begun ON mail_out (begun_at);

CREATE TABLE mail_lines (
	mail    BIGINT NOT NULL REFERENCES mail_out (id) ON DELETE CASCADE,
	line    BIGINT NOT NULL, -- its place
	xmpp_id TEXT   NOT NULL,
	client  TEXT   NOT NULL, -- full JID
	receipt BIGINT NOT NULL, -- 1 where it waits for one
	letter  TEXT   NOT NULL, -- of mailbridge
	PRIMARY KEY (mail, line)
);

CREATE TABLE mail_recipients (
	mail       BIGINT NOT NULL REFERENCES mail_out (id) ON DELETE CASCADE,
	mailbox    TEXT   NOT NULL,
	state      BIGINT NOT NULL, -- see mailout.go
	note       TEXT   NOT NULL, -- what its server said
	changed_at BIGINT NOT NULL,
	PRIMARY KEY (mail, mailbox)
);

-- What letters are called by their mails, and mails by their letters.
CREATE TABLE mail_messages (
	id         BIGINT PRIMARY KEY,
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	contact    TEXT   NOT NULL,
	outward    BIGINT NOT NULL, -- 1 where the user wrote it
	xmpp_id    TEXT   NOT NULL,
	message_id TEXT   NOT NULL,
	thread     TEXT   NOT NULL,
	subject    TEXT   NOT NULL,
	refs       TEXT   NOT NULL, -- what an answer refers to beside it: Message-IDs with spaces between
	others     TEXT   NOT NULL, -- of mailbridge: who else it was for
	hash       TEXT   NOT NULL, -- of what came; '' of the user's own
	mail       BIGINT NOT NULL, -- the row of mail_in or of mail_out
	at         BIGINT NOT NULL,
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX mail_messages_xmpp ON mail_messages (domain, jid, xmpp_id, id);
CREATE INDEX mail_messages_mail ON mail_messages (domain, jid, message_id, id);
CREATE INDEX mail_messages_contact ON mail_messages (domain, jid, contact, id);
CREATE INDEX mail_messages_thread ON mail_messages (domain, jid, thread, id);
CREATE INDEX mail_messages_at ON mail_messages (at);

-- Who writes to a user and whom he writes to.
CREATE TABLE mail_contacts (
	domain  TEXT   NOT NULL,
	jid     TEXT   NOT NULL,
	contact TEXT   NOT NULL, -- local part of its JID
	mailbox TEXT   NOT NULL, -- as it was spelled last
	name    TEXT   NOT NULL,
	state   BIGINT NOT NULL, -- see mailcontact.go
	number  BIGINT NOT NULL, -- by which the user names one who waits; 0 where he has not been asked
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, contact),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX mail_contacts_state ON mail_contacts (domain, jid, state, number);
CREATE INDEX mail_contacts_seen ON mail_contacts (seen_at) WHERE state = 0;

-- Mail of those who wait.
CREATE TABLE mail_waiting (
	domain      TEXT   NOT NULL,
	jid         TEXT   NOT NULL,
	mail        BIGINT NOT NULL, -- the row of mail_in
	contact     TEXT   NOT NULL,
	recipient   TEXT   NOT NULL, -- of mailbridge
	subject     TEXT   NOT NULL,
	received_at BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, mail),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX mail_waiting_contact ON mail_waiting (domain, jid, contact, mail);
CREATE INDEX mail_waiting_received ON mail_waiting (received_at);
