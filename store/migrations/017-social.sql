-- The social web: who is on it, what they have published, and what users here have to do with it.

CREATE TABLE social_ids (last BIGINT NOT NULL); -- one row: the id that was given last in social_actors and social_posts
INSERT INTO social_ids (last) VALUES (0);

-- Users who take part (accounts), and everybody else of whom something is known. An account is never deleted: its name and its URI are nobody
-- else's ever.
CREATE TABLE social_actors (
	id          BIGINT PRIMARY KEY, -- never used again, as in the next table
	domain      TEXT   NOT NULL, -- of the gateway
	uri         TEXT   NOT NULL,
	acct        TEXT   NOT NULL, -- '' where nobody has confirmed it
	jid         TEXT   NOT NULL, -- whose account it is; '' of others, and of an account that is gone
	name        TEXT   NOT NULL, -- of an account, as in its URLs; '' of others
	profile     TEXT   NOT NULL, -- of socialbridge
	public_key  TEXT   NOT NULL, -- PKCS #1 in base64; '' where it is not known
	private_key BYTEA,           -- sealed, of an account
	hidden      BIGINT NOT NULL, -- 1 where an account is not to be found
	approves    BIGINT NOT NULL, -- 1 where it is asked about its followers
	since       BIGINT NOT NULL, -- when it was met, or took part
	fetched_at  BIGINT NOT NULL, -- when its server was asked of it last; 0 for never
	seen_at     BIGINT NOT NULL,
	watched     BIGINT NOT NULL, -- 1 where the wire is to tell what it publishes
	gone_at     BIGINT NOT NULL  -- 0 while it is there
);
CREATE UNIQUE INDEX social_actors_uri ON social_actors (domain, uri);
CREATE INDEX social_actors_acct ON social_actors (domain, acct) WHERE acct <> '';
CREATE UNIQUE INDEX social_actors_jid ON social_actors (domain, jid) WHERE jid <> '';
CREATE UNIQUE INDEX social_actors_name ON social_actors (domain, name) WHERE name <> '';
CREATE INDEX social_actors_seen ON social_actors (domain, seen_at) WHERE name = '';

-- What they have published, and what they have repeated.
CREATE TABLE social_posts (
	id           BIGINT PRIMARY KEY,
	domain       TEXT   NOT NULL,
	uri          TEXT   NOT NULL, -- atom:id
	item         TEXT   NOT NULL, -- a hash of it: the id of its item and of its letters
	actor        BIGINT NOT NULL, -- who wrote or repeated it
	proven       BIGINT NOT NULL, -- 1 where it is known to be of the actor, 0 where somebody else says so
	note         TEXT   NOT NULL, -- of socialbridge
	reply_to     TEXT   NOT NULL, -- the uri of what it answers
	conversation TEXT   NOT NULL,
	repeat_of    TEXT   NOT NULL, -- the uri of what it repeats
	public       BIGINT NOT NULL,
	own_item     TEXT   NOT NULL, -- of an account: the id that it has in the user's own node
	hash         TEXT   NOT NULL, -- of what the user's own node said
	published    BIGINT NOT NULL,
	received     BIGINT NOT NULL,
	deleted_at   BIGINT NOT NULL  -- 0 while it is there
);
CREATE UNIQUE INDEX social_posts_uri ON social_posts (domain, uri);
CREATE UNIQUE INDEX social_posts_item ON social_posts (domain, item);
CREATE INDEX social_posts_reply ON social_posts (domain, reply_to, published) WHERE reply_to <> '';
CREATE INDEX social_posts_repeat ON social_posts (domain, repeat_of) WHERE repeat_of <> '';
CREATE INDEX social_posts_own ON social_posts (actor, own_item) WHERE own_item <> '';
CREATE INDEX social_posts_actor ON social_posts (actor, id);

-- What is in whose feed: what somebody wrote or repeated, and what was said in a group.
CREATE TABLE social_entries (
	actor BIGINT NOT NULL,
	post  BIGINT NOT NULL,
	at    BIGINT NOT NULL, -- when it was published
	PRIMARY KEY (actor, post)
);
CREATE INDEX social_entries_at ON social_entries (actor, at, post);
CREATE INDEX social_entries_post ON social_entries (post);

-- Whom users here follow, and who of other servers follows accounts.
CREATE TABLE social_following (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	actor  BIGINT NOT NULL,
	told   BIGINT NOT NULL, -- 1 where the actor was told
	since  BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, actor),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX social_following_actor ON social_following (actor, jid);

CREATE TABLE social_followers (
	account BIGINT NOT NULL,
	actor   BIGINT NOT NULL,
	state   BIGINT NOT NULL, -- see socialfollow.go
	since   BIGINT NOT NULL,
	PRIMARY KEY (account, actor)
);
CREATE INDEX social_followers_actor ON social_followers (actor);

-- Posts of whose answers users want to be told.
CREATE TABLE social_subscribed (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	post   BIGINT NOT NULL,
	since  BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, post),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX social_subscribed_post ON social_subscribed (post);

-- What is thought of posts.
CREATE TABLE social_regards (
	post    BIGINT NOT NULL,
	actor   BIGINT NOT NULL,
	noticed BIGINT NOT NULL,
	signs   TEXT   NOT NULL, -- with spaces between
	liked   TEXT   NOT NULL, -- the uri of the activity that says so to others; '' for none
	at      BIGINT NOT NULL,
	PRIMARY KEY (post, actor)
);
CREATE INDEX social_regards_actor ON social_regards (actor);

-- Of whom users want to hear nothing: an acct, a URI or a host.
CREATE TABLE social_blocks (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	who    TEXT   NOT NULL,
	kind   BIGINT NOT NULL, -- see socialblock.go
	since  BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, who),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);

-- Messages of users that became posts.
CREATE TABLE social_letters (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	letter TEXT   NOT NULL, -- the id of its stanza
	post   BIGINT NOT NULL,
	hash   TEXT   NOT NULL, -- of what it says
	at     BIGINT NOT NULL,
	PRIMARY KEY (domain, jid, letter),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);
CREATE INDEX social_letters_post ON social_letters (post);
CREATE INDEX social_letters_at ON social_letters (at);

-- A message that waits until its user has said that it may be public.
CREATE TABLE social_held (
	domain TEXT   NOT NULL,
	jid    TEXT   NOT NULL,
	letter TEXT   NOT NULL, -- of socialbridge
	at     BIGINT NOT NULL,
	PRIMARY KEY (domain, jid),
	FOREIGN KEY (domain, jid) REFERENCES users (domain, jid) ON DELETE CASCADE
);

-- Avatars, as they are shown.
CREATE TABLE social_pictures (
	actor BIGINT NOT NULL,
	url   TEXT   NOT NULL, -- where it is from; '' of an account
	hash  TEXT   NOT NULL,
	image BYTEA  NOT NULL,
	PRIMARY KEY (actor)
);

-- Hosts of others that administrators let take part or not, beside the configuration.
CREATE TABLE social_hosts (
	domain TEXT   NOT NULL,
	host   TEXT   NOT NULL,
	denied BIGINT NOT NULL,
	since  BIGINT NOT NULL,
	PRIMARY KEY (domain, host)
);
