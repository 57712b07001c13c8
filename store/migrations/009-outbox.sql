-- Stanzas for users, until the XMPP server has them for sure.
CREATE TABLE outbox (
	number BIGINT PRIMARY KEY, -- in the order of commits; no number is given twice while a process runs
	domain TEXT   NOT NULL,    -- of ours, whose stream they go on
	jid    TEXT   NOT NULL,    -- the bare JID of the user
	letter TEXT   NOT NULL,    -- the id of what may come back; '' where nobody wants to know
	stanza TEXT   NOT NULL,
	time   BIGINT NOT NULL     -- when what it says was said
);
