-- Each function processes one batch in one round trip. Each of its statements sees everything that was
-- committed before that statement began. A single statement with several parts would not see this, so a
-- function must not be rewritten as one statement.
--
-- The number in a name is the version of the function. A change of behaviour needs a new name. The old
-- function stays as long as a program that calls it can use the database.
--
-- A table may be empty now and have a million rows in a minute, so plans must not depend on statistics.
-- The settings of each function leave the planner only index lookups.

-- Appends updates, which have just got their sequence numbers (base + 1 and up), to the queues of their
-- chats.
--
-- The numbers are drawn before the chats are locked. So another instance may draw later numbers and lock a
-- chat first; then new numbers are drawn under the lock. Within a chat, the numbers are therefore in the
-- order of the locks, which is the order of the commits: no update is inserted before one that others can
-- see already, and all updates of a chat come after its front.
CREATE FUNCTION doorbell.line_up_1(p_ids bigint[], p_base bigint, p_slot integer) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    late text[];
    base bigint;
BEGIN
    WITH mine AS (
        SELECT u.chat_key, min(u.seq) AS front, max(u.seq) AS tail, min(u.received_at) AS received_at
        FROM unnest(p_ids) AS i (id) JOIN doorbell.updates u ON u.id = i.id
        GROUP BY u.chat_key
    ), lines AS (
        INSERT INTO doorbell.chats AS c (chat_key, front, tail, due_at)
        SELECT m.chat_key, m.front, m.tail, doorbell.since_1(m.received_at) FROM mine m ORDER BY m.chat_key
        ON CONFLICT (chat_key) DO UPDATE SET tail = greatest(c.tail, excluded.tail)
        RETURNING c.chat_key, c.tail
    )
    SELECT array_agg(l.chat_key) INTO late FROM lines l WHERE l.tail >= p_base + (1 << 20);
    IF late IS NOT NULL THEN
        base := nextval('doorbell.batches') << 20;
        UPDATE doorbell.updates u SET seq = u.seq - p_base + base
        FROM unnest(p_ids) AS i (id) WHERE u.id = i.id AND u.chat_key = ANY (late);
        UPDATE doorbell.chats c SET tail = m.tail
        FROM (
            SELECT u.chat_key, max(u.seq) AS tail FROM unnest(p_ids) AS i (id) JOIN doorbell.updates u ON u.id = i.id
            WHERE u.chat_key = ANY (late) GROUP BY u.chat_key
        ) m WHERE c.chat_key = m.chat_key;
    END IF;
    UPDATE doorbell.tally SET open = open + cardinality(p_ids) WHERE slot = p_slot;
END $$;

-- The time from which an update that arrived at p_received is due: the chat with the oldest front is
-- claimed first. It is never later than now, even if the clock of the program is wrong.
CREATE FUNCTION doorbell.since_1(p_received bigint) RETURNS timestamptz
LANGUAGE sql STRICT
AS $$ SELECT least(clock_timestamp(), to_timestamp(least(greatest(p_received, 0), 4102444800000) / 1000.0)) $$;

-- Stores updates with different ids. Returns the ids of those that are new, and of those for which there
-- is no room; ids that are known already are in neither list. If p_ringer is the name of an instance, the
-- other instances are notified.
CREATE FUNCTION doorbell.accept_1(
    p_ids bigint[], p_chat_keys text[], p_kinds text[], p_received bigint[], p_expires bigint[], p_bodies bytea[],
    p_capacity bigint, p_slot integer, p_ringer text, OUT stored bigint[], OUT refused bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    room bigint;
    base bigint;
BEGIN
    SELECT greatest(p_capacity - sum(t.open), 0) INTO room FROM doorbell.tally t;
    IF room < cardinality(p_ids) THEN
        SELECT array_agg(n.id) FILTER (WHERE n.place > room) INTO refused FROM (
            SELECT u.id, row_number() OVER (ORDER BY u.place) AS place
            FROM unnest(p_ids) WITH ORDINALITY AS u (id, place)
            WHERE NOT EXISTS (SELECT FROM doorbell.updates k WHERE k.id = u.id)
        ) n;
    END IF;
    base := nextval('doorbell.batches') << 20;
    -- In the order of the ids, so that two instances that store the same ids cannot deadlock.
    WITH new AS (
        INSERT INTO doorbell.updates AS n (id, seq, chat_key, kind, received_at, expires_at, body)
        SELECT u.id, base + u.place, u.chat_key, u.kind, u.received_at, u.expires_at, u.body
        FROM unnest(p_ids, p_chat_keys, p_kinds, p_received, p_expires, p_bodies) WITH ORDINALITY
            AS u (id, chat_key, kind, received_at, expires_at, body, place)
        WHERE refused IS NULL OR u.id <> ALL (refused)
        ORDER BY u.id
        ON CONFLICT DO NOTHING
        RETURNING n.id
    )
    SELECT array_agg(new.id) INTO stored FROM new;
    IF stored IS NOT NULL THEN
        PERFORM doorbell.line_up_1(stored, base, p_slot);
        IF p_ringer IS NOT NULL THEN
            PERFORM pg_notify('doorbell', p_ringer);
        END IF;
    END IF;
END $$;

-- Claims the fronts of chats that are due, each under a lease.
CREATE FUNCTION doorbell.claim_1(p_limit bigint, p_lease bigint)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    -- A front that was stored after this statement began is not visible to it. Such a chat stays as it is.
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front FROM doorbell.chats c WHERE c.due_at <= begun
        ORDER BY c.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE doorbell.chats c
    SET token = nextval('doorbell.tokens'), due_at = clock_timestamp() + p_lease * interval '1 millisecond'
    FROM due d JOIN doorbell.updates u ON u.chat_key = d.chat_key AND u.seq = d.front
    WHERE c.chat_key = d.chat_key
    RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body;
END $$;

-- The milliseconds until the next chat is due; null if no chat waits for a later time.
CREATE FUNCTION doorbell.next_due_1() RETURNS bigint
LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    RETURN (SELECT ceil(extract(epoch FROM c.due_at - begun) * 1000) FROM doorbell.chats c
            WHERE c.due_at > begun ORDER BY c.due_at LIMIT 1);
END $$;

-- Records verdicts, one for each token, and makes the next update the front of each chat. The verdicts are
-- done, expired, dead, retry, released, and any other for another attempt that does not count. Returns the
-- tokens whose leases were still held; nothing is recorded for the others.
CREATE FUNCTION doorbell.settle_1(
    p_chat_keys text[], p_tokens bigint[], p_verdicts text[], p_delays bigint[], p_reasons text[], p_calls text[],
    p_slot integer, OUT settled bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    ended bigint;
BEGIN
    SELECT array_agg(l.token) INTO settled FROM (
        SELECT c.token FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
        JOIN doorbell.chats c ON c.chat_key = s.chat_key AND c.token = s.token
        ORDER BY c.chat_key FOR UPDATE OF c
    ) l;
    IF settled IS NULL THEN
        RETURN;
    END IF;
    WITH moved AS (
        UPDATE doorbell.updates u SET
            state = CASE s.verdict WHEN 'dead' THEN 1 WHEN 'done' THEN 2 WHEN 'expired' THEN 3 ELSE 0 END,
            attempts = u.attempts + (s.verdict IN ('retry', 'dead'))::integer,
            ended_at = CASE WHEN s.verdict IN ('done', 'expired') THEN clock_timestamp() END,
            reason = s.reason,
            calls_left = CASE WHEN s.verdict NOT IN ('done', 'expired') THEN coalesce(s.calls, u.calls_left) END,
            body = CASE WHEN s.verdict NOT IN ('done', 'expired') THEN u.body END
        FROM unnest(p_chat_keys, p_tokens, p_verdicts, p_reasons, p_calls) AS s (chat_key, token, verdict, reason, calls)
        JOIN doorbell.chats c ON c.chat_key = s.chat_key AND c.token = s.token
        WHERE s.verdict <> 'released' AND u.chat_key = c.chat_key AND u.seq = c.front
        RETURNING u.id, u.state
    ), buried AS (
        INSERT INTO doorbell.dead (id) SELECT m.id FROM moved m WHERE m.state = 1
    )
    SELECT count(*) FILTER (WHERE m.state <> 0) INTO ended FROM moved m;
    DELETE FROM doorbell.chats c USING unnest(p_chat_keys, p_tokens, p_verdicts) AS s (chat_key, token, verdict)
    WHERE c.chat_key = s.chat_key AND c.token = s.token AND c.front = c.tail AND s.verdict IN ('done', 'expired', 'dead');
    UPDATE doorbell.chats c SET
        token = 0,
        front = coalesce(n.seq, c.front),
        due_at = coalesce(doorbell.since_1(n.received_at), clock_timestamp() + s.delay * interval '1 millisecond')
    FROM unnest(p_chat_keys, p_tokens, p_verdicts, p_delays) AS s (chat_key, token, verdict, delay)
    JOIN doorbell.chats o ON o.chat_key = s.chat_key AND o.token = s.token
    LEFT JOIN LATERAL (
        SELECT u.seq, u.received_at FROM doorbell.updates u
        WHERE s.verdict IN ('done', 'expired', 'dead') AND u.chat_key = o.chat_key AND u.seq > o.front
        ORDER BY u.seq LIMIT 1
    ) n ON true
    WHERE c.chat_key = o.chat_key;
    UPDATE doorbell.tally SET open = open - ended WHERE slot = p_slot AND ended > 0;
END $$;

-- Extends the leases that are still held.
CREATE FUNCTION doorbell.extend_1(p_chat_keys text[], p_tokens bigint[], p_lease bigint) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    PERFORM FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    JOIN doorbell.chats c ON c.chat_key = s.chat_key AND c.token = s.token
    ORDER BY c.chat_key FOR UPDATE OF c;
    UPDATE doorbell.chats c SET due_at = clock_timestamp() + p_lease * interval '1 millisecond'
    FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    WHERE c.chat_key = s.chat_key AND c.token = s.token;
END $$;

-- Counts updates. The oldest one is searched among the chats that have been due longest, and those that are
-- claimed or wait for a retry: reading a million fronts would cost more than an exact answer is worth.
CREATE FUNCTION doorbell.survey_1(OUT open bigint, OUT held bigint, OUT dead bigint, OUT oldest bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    SELECT sum(t.open) INTO open FROM doorbell.tally t;
    SELECT count(*) INTO held FROM doorbell.chats c WHERE c.due_at > begun AND c.token <> 0;
    SELECT count(*) INTO dead FROM doorbell.dead d;
    SELECT min(u.received_at) INTO oldest FROM (
        (SELECT c.chat_key, c.front FROM doorbell.chats c WHERE c.due_at <= begun ORDER BY c.due_at LIMIT 100)
        UNION ALL
        (SELECT c.chat_key, c.front FROM doorbell.chats c WHERE c.due_at > begun ORDER BY c.due_at LIMIT 10000)
    ) f JOIN doorbell.updates u ON u.chat_key = f.chat_key AND u.seq = f.front;
END $$;

-- Puts up to p_limit dead-letter updates back to waiting, the oldest first: those with these ids, or all
-- if p_ids is null.
CREATE FUNCTION doorbell.revive_1(p_ids bigint[], p_limit bigint, p_slot integer, OUT revived bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    base bigint;
BEGIN
    SELECT array_agg(l.id) INTO revived FROM (
        SELECT d.id FROM doorbell.dead d JOIN doorbell.updates u ON u.id = d.id
        WHERE p_ids IS NULL OR d.id = ANY (p_ids) ORDER BY u.seq LIMIT p_limit FOR UPDATE OF d
    ) l;
    IF revived IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM doorbell.dead d WHERE d.id = ANY (revived);
    base := nextval('doorbell.batches') << 20;
    UPDATE doorbell.updates u SET state = 0, attempts = 0, reason = NULL, seq = base + r.place
    FROM unnest(revived) WITH ORDINALITY AS r (id, place) WHERE u.id = r.id;
    PERFORM doorbell.line_up_1(revived, base, p_slot);
END $$;

-- Discards up to p_limit dead-letter updates and erases their content: those with these ids, or all if
-- p_ids is null.
CREATE FUNCTION doorbell.discard_1(p_ids bigint[], p_limit bigint, OUT discarded bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    SELECT array_agg(l.id) INTO discarded FROM (
        SELECT d.id FROM doorbell.dead d JOIN doorbell.updates u ON u.id = d.id
        WHERE p_ids IS NULL OR d.id = ANY (p_ids) ORDER BY u.seq LIMIT p_limit FOR UPDATE OF d
    ) l;
    DELETE FROM doorbell.dead d WHERE d.id = ANY (discarded);
    UPDATE doorbell.updates u
    SET state = 4, ended_at = clock_timestamp(), reason = NULL, calls_left = NULL, body = NULL
    WHERE u.id = ANY (discarded);
END $$;

-- Reads p_step updates from p_from on, and deletes those that ended more than p_keep ago. Returns the last
-- id that it read, the number of deleted updates, and the number of those that ended later.
CREATE FUNCTION doorbell.forget_1(p_from bigint, p_step bigint, p_keep bigint,
    OUT last bigint, OUT forgotten bigint, OUT young bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    before timestamptz := clock_timestamp() - p_keep * interval '1 millisecond';
BEGIN
    WITH step AS (
        SELECT u.id, u.ended_at FROM doorbell.updates u WHERE u.id >= p_from ORDER BY u.id LIMIT p_step
    ), gone AS (
        DELETE FROM doorbell.updates u USING step s WHERE u.id = s.id AND s.ended_at < before RETURNING u.id
    )
    SELECT max(s.id), (SELECT count(*) FROM gone), count(*) FILTER (WHERE s.ended_at >= before)
    INTO last, forgotten, young FROM step s;
END $$;
