-- How long an update was to wait when its due_at was written. After a restart no update waits longer than this,
-- whatever the clock shows.
ALTER TABLE updates ADD COLUMN wait INTEGER NOT NULL DEFAULT 0;

-- How far the times in this file, which are those of the running process, are behind the true time: the machine's
-- clock was set forward, or a date of Telegram's is later. The next start moves the times forward by this much.
ALTER TABLE service ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
