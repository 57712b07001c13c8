-- What several users get as one message, such as a mail to all of them: '' where it stands for itself.
ALTER TABLE outbox ADD COLUMN message TEXT NOT NULL DEFAULT '';
