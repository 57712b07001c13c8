-- Contacts whose mail is taken and kept, but not shown: since when, 0 for others.
ALTER TABLE mail_contacts ADD COLUMN muted BIGINT NOT NULL DEFAULT 0;

-- Letters that were not shown since somebody was muted, by whom; '' for others.
ALTER TABLE mail_messages ADD COLUMN muted TEXT NOT NULL DEFAULT '';
CREATE INDEX mail_messages_muted ON mail_messages (domain, jid, muted, id) WHERE muted <> '';
