-- Subscribers of one server are told one after the other, so that fewer connections are made.
CREATE INDEX social_subscribers_targets ON social_subscribers (account, site, id);
DROP INDEX social_subscribers_account;
DROP INDEX social_subscribers_site;
