-- Whom administrators have denied a gateway. It is no matter of what is known of somebody, and outlives its removal.
CREATE TABLE denied (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL, -- bare
	since  BIGINT NOT NULL,
	PRIMARY KEY (domain, jid)
);
