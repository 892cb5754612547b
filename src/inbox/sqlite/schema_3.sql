-- For how long an update was to wait when its due_at was written down: after a restart none waits longer,
-- whatever the clock shows then.
ALTER TABLE updates ADD COLUMN wait INTEGER NOT NULL DEFAULT 0;

-- By how much the times in this file, which are those of the running process, are behind the true time, as
-- far as it knows: the clock of the machine was set forward, or Telegram wrote a later date. The next start
-- moves the times on by so much.
ALTER TABLE service ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
