-- Whom a user knows: what strangers write has bounds of its own, so that they shut out nobody whom he knows.
ALTER TABLE redirect_talks ADD COLUMN known BIGINT NOT NULL DEFAULT 0;

-- What the user is called in a room, and the id of what he has said there last: the room plays it back under that name.
ALTER TABLE redirect_talks ADD COLUMN nick TEXT NOT NULL DEFAULT '';
ALTER TABLE redirect_talks ADD COLUMN own_id TEXT NOT NULL DEFAULT '';
