-- What a list of dead-letter updates needs, beside their ids: to read 10,000 rows of `updates` would take too long. A
-- trigger copies it, so that programs of an earlier version, which insert only the id, do so too. It costs something only
-- when an update is given up.
ALTER TABLE doorbell.dead
    ADD COLUMN kind text, ADD COLUMN chat_key text COLLATE "C", ADD COLUMN received_at bigint, ADD COLUMN reason text;
UPDATE doorbell.dead d SET kind = u.kind, chat_key = u.chat_key, received_at = u.received_at, reason = u.reason
FROM doorbell.updates u WHERE u.id = d.id;

-- A function that gives an update up sets its state and reason first, in the same statement. A trigger sees that.
CREATE FUNCTION doorbell.describe_dead_1() RETURNS trigger
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS $$
BEGIN
    SELECT u.kind, u.chat_key, u.received_at, u.reason INTO NEW.kind, NEW.chat_key, NEW.received_at, NEW.reason
    FROM doorbell.updates u WHERE u.id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER describe BEFORE INSERT ON doorbell.dead FOR EACH ROW EXECUTE FUNCTION doorbell.describe_dead_1();
