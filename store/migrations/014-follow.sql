-- Of whom the gateway learns what he gets elsewhere, and how far.
CREATE TABLE followed (
	domain     TEXT   NOT NULL,
	jid        TEXT   NOT NULL,
	way        BIGINT NOT NULL, -- of transports, as is kind; 0 where he is followed no more, and node is kept for when he is again
	kind       BIGINT NOT NULL,
	node       TEXT   NOT NULL, -- where his server pushes to, which nobody else is told
	reached    TEXT   NOT NULL, -- the id in his archive up to which everything is known; '' where that is not known
	reached_at BIGINT NOT NULL, -- by his server's clock
	password   BYTEA,           -- sealed; NULL for none
	PRIMARY KEY (domain, jid),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);

-- Whom an error comes from, where that is not the user, since he says it himself; '' for what he is told.
ALTER TABLE outbox ADD COLUMN back TEXT NOT NULL DEFAULT '';
