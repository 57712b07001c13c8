-- What is to be done towards other networks, see job.go.

CREATE TABLE job_ids (last BIGINT NOT NULL); -- one row: the id that was given last
INSERT INTO job_ids (last) VALUES (0);

CREATE TABLE jobs (
	id      BIGINT PRIMARY KEY, -- never used again
	lane    TEXT   NOT NULL,
	site    TEXT   NOT NULL,
	kind    TEXT   NOT NULL,
	payload BYTEA  NOT NULL,
	created BIGINT NOT NULL,
	due     BIGINT NOT NULL, -- not before
	warn    BIGINT NOT NULL, -- when it is late
	expires BIGINT NOT NULL
);

CREATE INDEX jobs_lane ON jobs (lane, id);

-- Every lane that has jobs. Its first one, the head, is all that a claim looks at.
CREATE TABLE job_lanes (
	lane     TEXT   NOT NULL,
	head     BIGINT NOT NULL,
	site     TEXT   NOT NULL, -- of the head, as what follows
	attempts BIGINT NOT NULL,
	next_at  BIGINT NOT NULL, -- when it is tried again
	told     BIGINT NOT NULL, -- 1 where it was said that it is late
	deadline BIGINT NOT NULL, -- when it is late, or if that was said, over
	error    TEXT   NOT NULL, -- what came of the last attempt
	PRIMARY KEY (lane)
);

CREATE INDEX job_lanes_next ON job_lanes (site, next_at);
CREATE INDEX job_lanes_deadline ON job_lanes (deadline);

-- Every site that has lanes.
CREATE TABLE job_sites (
	site     TEXT   NOT NULL,
	next_at  BIGINT NOT NULL, -- when the first of its lanes is due, and not before closed
	closed   BIGINT NOT NULL, -- while it is away: when it is tried again
	failures BIGINT NOT NULL, -- how often it was found away, one after the other
	PRIMARY KEY (site)
);

CREATE INDEX job_sites_next ON job_sites (next_at);

-- Jobs that are over, for a day.
CREATE TABLE job_log (
	id       BIGINT PRIMARY KEY,
	lane     TEXT   NOT NULL,
	site     TEXT   NOT NULL,
	kind     TEXT   NOT NULL,
	attempts BIGINT NOT NULL,
	created  BIGINT NOT NULL,
	ended    BIGINT NOT NULL,
	failed   BIGINT NOT NULL, -- 1 where it came to nothing
	error    TEXT   NOT NULL
);

CREATE INDEX job_log_ended ON job_log (ended);
