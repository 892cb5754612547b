-- Whether the operator has paused the handling of updates, as JSON; NULL until that happens for the first time.
ALTER TABLE service ADD COLUMN paused TEXT;

-- Finds the few updates that have failed: dead-letter updates, and those that wait for another attempt. An update that
-- succeeds at once is never in it.
CREATE INDEX updates_failed ON updates (reason) WHERE reason IS NOT NULL;
