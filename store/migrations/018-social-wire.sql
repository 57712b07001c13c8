-- How OStatus is spoken: which servers are told what accounts publish, which tell us what others do, and what is on its way.

CREATE TABLE social_wire_ids (last BIGINT NOT NULL); -- one row: the id that was given last in social_subscribers and social_pushes
INSERT INTO social_wire_ids (last) VALUES (0);

-- Where others want to be told what an account publishes.
CREATE TABLE social_subscribers (
	id           BIGINT PRIMARY KEY, -- never used again, as that of a push
	account      BIGINT NOT NULL,
	callback     TEXT   NOT NULL,
	site         TEXT   NOT NULL, -- of the callback, where jobs lead
	secret       BYTEA  NOT NULL, -- sealed; empty for none
	until        BIGINT NOT NULL, -- end of the lease; 0 before it was asked back for the first time
	asked        TEXT   NOT NULL, -- what it asks for, see socialwire.go; '' once it was asked back
	asked_secret BYTEA  NOT NULL, -- as above
	asked_at     BIGINT NOT NULL,
	failing      BIGINT NOT NULL  -- since when it cannot be told anything; 0 while it can
);
CREATE UNIQUE INDEX social_subscribers_callback ON social_subscribers (account, callback);
CREATE INDEX social_subscribers_account ON social_subscribers (account, id);
CREATE INDEX social_subscribers_site ON social_subscribers (site, account);
CREATE INDEX social_subscribers_asked ON social_subscribers (site) WHERE until = 0;
CREATE INDEX social_subscribers_until ON social_subscribers (until);

-- Which feeds of others are followed, and how.
CREATE TABLE social_subscriptions (
	actor    BIGINT PRIMARY KEY,
	uri      TEXT   NOT NULL, -- of the actor
	token    TEXT   NOT NULL, -- in the URL that its hub calls
	topic    TEXT   NOT NULL,
	hub      TEXT   NOT NULL, -- '' for none
	secret   BYTEA  NOT NULL, -- sealed
	state    BIGINT NOT NULL, -- see socialwire.go
	until    BIGINT NOT NULL, -- end of the lease
	asked_at BIGINT NOT NULL, -- when the hub was asked last
	fetched  BIGINT NOT NULL, -- when the feed was fetched last; 0 for never
	pause    BIGINT NOT NULL, -- until it is fetched again
	etag     TEXT   NOT NULL, -- of what was fetched, as the next one
	modified TEXT   NOT NULL
);
CREATE UNIQUE INDEX social_subscriptions_token ON social_subscriptions (token);

-- What others are told: the same for all of them.
CREATE TABLE social_pushes (
	id      BIGINT PRIMARY KEY,
	account BIGINT NOT NULL,
	body    BYTEA  NOT NULL,
	added   BIGINT NOT NULL
);
CREATE INDEX social_pushes_added ON social_pushes (added);

-- What has been said to accounts already: hashes, for as long as it would be taken once more.
CREATE TABLE social_seen (
	hash  TEXT   NOT NULL,
	added BIGINT NOT NULL,
	PRIMARY KEY (hash)
);
CREATE INDEX social_seen_added ON social_seen (added);
