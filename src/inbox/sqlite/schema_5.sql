-- Whether the operator has put the update back: it was a dead-letter update.
ALTER TABLE updates ADD COLUMN revived INTEGER NOT NULL DEFAULT 0;
