-- What has shown before that mail of somebody is from him, see mailcontact.go: where nothing does later it may be from somebody else.

ALTER TABLE mail_contacts ADD COLUMN proof BIGINT NOT NULL DEFAULT 0;
