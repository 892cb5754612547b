-- Stores updates, as accept_1 does. New fronts are claimed at once, up to p_claims of them, each under a lease; this saves
-- an instance that waits for updates a transaction and a read. Returns them with their tokens, and the number of new fronts
-- that can still be claimed. Other instances are notified only if there are any.
--
-- One statement inserts the updates and then the chats. It depends on no row that was there before, except those that are in
-- conflict with a new one, and these it sees as they are now. It locks the ids first, in their order, and then the chats in
-- the order of the keys.
CREATE FUNCTION doorbell.accept_2(
    p_ids bigint[], p_chat_keys text[], p_kinds text[], p_received bigint[], p_expires bigint[], p_bodies bytea[],
    p_capacity bigint, p_slot integer, p_ringer text, p_claims bigint, p_lease bigint,
    OUT stored bigint[], OUT refused bigint[], OUT claimed bigint[], OUT tokens bigint[], OUT fronts bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    room bigint;
    base bigint;
    late text[];
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
    WITH new AS (
        INSERT INTO doorbell.updates AS n (id, seq, chat_key, kind, received_at, expires_at, body)
        SELECT u.id, base + u.place, u.chat_key, u.kind, u.received_at, u.expires_at, u.body
        FROM unnest(p_ids, p_chat_keys, p_kinds, p_received, p_expires, p_bodies) WITH ORDINALITY
            AS u (id, chat_key, kind, received_at, expires_at, body, place)
        WHERE refused IS NULL OR u.id <> ALL (refused)
        ORDER BY u.id
        ON CONFLICT DO NOTHING
        RETURNING n.id, n.seq, n.chat_key, n.received_at, doorbell.answer_within_1(n.kind, n.chat_key) AS within
    ), mine AS (
        SELECT DISTINCT ON (n.chat_key) n.id, n.chat_key, n.seq AS front, n.within,
            doorbell.since_2(n.received_at) AS since, max(n.seq) OVER (PARTITION BY n.chat_key) AS tail
        FROM new n ORDER BY n.chat_key, n.seq
    ), lines AS (
        INSERT INTO doorbell.chats AS c (chat_key, front, tail, due_at, token, answer_by, is_urgent)
        SELECT m.chat_key, m.front, m.tail,
            CASE WHEN m.place > p_claims THEN m.since ELSE clock_timestamp() + p_lease * interval '1 millisecond' END,
            CASE WHEN m.place > p_claims THEN 0 ELSE nextval('doorbell.tokens') END,
            m.since + m.within * interval '1 second', coalesce(m.within <= 30, false)
        FROM (SELECT *, row_number() OVER (ORDER BY within, front) AS place FROM mine) m
        ORDER BY m.chat_key
        ON CONFLICT (chat_key) DO UPDATE SET tail = greatest(c.tail, excluded.tail)
        RETURNING c.chat_key, c.front, c.tail, c.token
    )
    SELECT (SELECT array_agg(n.id) FROM new n), array_agg(l.chat_key) FILTER (WHERE l.tail >= base + (1 << 20)),
        array_agg(l.front - base) FILTER (WHERE l.front > base AND l.front < base + (1 << 20) AND l.token <> 0),
        array_agg(l.token) FILTER (WHERE l.front > base AND l.front < base + (1 << 20) AND l.token <> 0),
        count(*) FILTER (WHERE l.front > base AND l.front < base + (1 << 20) AND l.token = 0)
    INTO stored, late, claimed, tokens, fronts FROM lines l;
    IF stored IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(p_ids[l.place] ORDER BY l.n) INTO claimed FROM unnest(claimed) WITH ORDINALITY AS l (place, n);
    -- The numbers were drawn before the chats were locked: as in line_up_1.
    IF late IS NOT NULL THEN
        DECLARE
            later bigint := nextval('doorbell.batches') << 20;
        BEGIN
            UPDATE doorbell.updates u SET seq = u.seq - base + later
            FROM unnest(stored) AS i (id) WHERE u.id = ANY (ARRAY[i.id]) AND u.chat_key = ANY (late);
            UPDATE doorbell.chats c SET tail = m.tail
            FROM (
                SELECT u.chat_key, max(u.seq) AS tail
                FROM unnest(stored) AS i (id) JOIN doorbell.updates u ON u.id = ANY (ARRAY[i.id])
                WHERE u.chat_key = ANY (late) GROUP BY u.chat_key
            ) m WHERE c.chat_key = ANY (ARRAY[m.chat_key]);
        END;
    END IF;
    UPDATE doorbell.tally SET open = open + cardinality(stored) WHERE slot = p_slot;
    IF p_ringer IS NOT NULL AND fronts > 0 THEN
        PERFORM pg_notify('doorbell', p_ringer);
    END IF;
END $$;

-- Records verdicts, as settle_3 does. Also returns whether a chat has an update that can be claimed now, and whether such an
-- update is urgent.
CREATE FUNCTION doorbell.settle_4(
    p_chat_keys text[], p_tokens bigint[], p_ids bigint[], p_verdicts text[], p_delays bigint[], p_reasons text[],
    p_calls text[], p_slot integer, OUT settled bigint[], OUT more boolean, OUT urgent boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    ended bigint;
    removed bigint;
BEGIN
    more := false;
    urgent := false;
    SELECT array_agg(l.token) FILTER (WHERE l.stands) INTO settled FROM (
        SELECT c.token, c.token = s.token AS stands FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
        JOIN doorbell.chats c ON c.chat_key = ANY (ARRAY[s.chat_key])
        ORDER BY c.chat_key FOR UPDATE OF c
    ) l;
    IF settled IS NULL OR cardinality(settled) < cardinality(p_tokens) THEN
        UPDATE doorbell.chats c SET deaths = c.deaths - 1
        FROM unnest(p_chat_keys, p_tokens, p_ids) AS s (chat_key, token, id)
        JOIN doorbell.updates u ON u.id = ANY (ARRAY[s.id])
        WHERE c.chat_key = ANY (ARRAY[s.chat_key]) AND c.token > s.token AND c.deaths > 0 AND c.front = u.seq;
        IF settled IS NULL THEN
            RETURN;
        END IF;
        -- Only those whose lease was still held are left.
        SELECT array_agg(s.chat_key), array_agg(s.token), array_agg(s.id), array_agg(s.verdict), array_agg(s.delay),
            array_agg(s.reason), array_agg(s.calls)
        INTO p_chat_keys, p_tokens, p_ids, p_verdicts, p_delays, p_reasons, p_calls
        FROM unnest(p_chat_keys, p_tokens, p_ids, p_verdicts, p_delays, p_reasons, p_calls)
            AS s (chat_key, token, id, verdict, delay, reason, calls)
        JOIN doorbell.chats c ON c.chat_key = ANY (ARRAY[s.chat_key]) AND c.token = s.token;
    END IF;
    WITH moved AS (
        UPDATE doorbell.updates u SET
            state = CASE s.verdict WHEN 'dead' THEN 1 WHEN 'done' THEN 2 WHEN 'expired' THEN 3 ELSE 0 END,
            attempts = u.attempts + (s.verdict IN ('retry', 'dead'))::integer,
            ended_at = CASE WHEN s.verdict IN ('done', 'expired') THEN clock_timestamp() END,
            reason = s.reason,
            calls_left = CASE WHEN s.verdict NOT IN ('done', 'expired') THEN coalesce(s.calls, u.calls_left) END,
            body = CASE WHEN s.verdict NOT IN ('done', 'expired') THEN u.body END
        FROM unnest(p_ids, p_verdicts, p_reasons, p_calls) AS s (id, verdict, reason, calls)
        WHERE s.verdict <> 'released' AND u.id = ANY (ARRAY[s.id])
        RETURNING u.id, u.state
    ), buried AS (
        INSERT INTO doorbell.dead (id) SELECT m.id FROM moved m WHERE m.state = 1
    )
    SELECT count(*) FILTER (WHERE m.state <> 0) INTO ended FROM moved m;
    -- No array can hold a key twice: it has one token.
    DELETE FROM doorbell.chats c USING unnest(p_chat_keys, p_verdicts) AS s (chat_key, verdict)
    WHERE c.chat_key = ANY (ARRAY[s.chat_key]) AND c.front = c.tail AND s.verdict IN ('done', 'expired', 'dead');
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed < cardinality(p_tokens) THEN
        WITH next AS (
            UPDATE doorbell.chats c SET
                token = 0,
                front = coalesce(n.seq, c.front),
                has_calls = coalesce(n.has_calls, n.verdict = 'calls_left' OR c.has_calls),
                due_at = CASE WHEN n.seq IS NULL THEN clock_timestamp() + n.delay * interval '1 millisecond'
                    ELSE doorbell.since_2(n.received_at) END,
                answer_by = CASE WHEN n.seq IS NULL THEN c.answer_by
                    ELSE doorbell.since_2(n.received_at) + n.within * interval '1 second' END,
                is_urgent = CASE WHEN n.seq IS NULL THEN c.is_urgent ELSE coalesce(n.within <= 30, false) END,
                set_at = clock_timestamp()
            FROM (
                SELECT o.chat_key, s.verdict, s.delay, f.*
                FROM unnest(p_chat_keys, p_verdicts, p_delays) AS s (chat_key, verdict, delay)
                JOIN doorbell.chats o ON o.chat_key = ANY (ARRAY[s.chat_key])
                LEFT JOIN LATERAL (
                    SELECT u.seq, u.received_at, u.calls_left IS NOT NULL AS has_calls,
                        doorbell.answer_within_1(u.kind, u.chat_key) AS within
                    FROM doorbell.updates u
                    WHERE s.verdict IN ('done', 'expired', 'dead')
                        AND u.chat_key = ANY (ARRAY[o.chat_key]) AND u.seq > o.front AND u.state = 0
                    ORDER BY u.seq LIMIT 1
                ) f ON true
            ) n
            WHERE c.chat_key = ANY (ARRAY[n.chat_key])
            RETURNING c.due_at <= clock_timestamp() AS is_due, c.is_urgent
        )
        SELECT coalesce(bool_or(n.is_due), false), coalesce(bool_or(n.is_due AND n.is_urgent), false)
        INTO more, urgent FROM next n;
    END IF;
    UPDATE doorbell.tally SET open = open - ended WHERE slot = p_slot AND ended > 0;
END $$;

-- Extends the leases that are still held, as extend_2 does.
CREATE FUNCTION doorbell.extend_3(p_chat_keys text[], p_tokens bigint[], p_lease bigint) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    JOIN doorbell.chats c ON c.chat_key = ANY (ARRAY[s.chat_key]) AND c.token = s.token
    ORDER BY c.chat_key FOR UPDATE OF c;
    UPDATE doorbell.chats c SET
        due_at = clock_timestamp() + p_lease * interval '1 millisecond', set_at = clock_timestamp()
    FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    WHERE c.chat_key = ANY (ARRAY[s.chat_key]) AND c.token = s.token;
END $$;

-- Puts those of these updates that are dead-letter updates back to waiting, as revive_3 does, and notes when they should be
-- answered.
CREATE FUNCTION doorbell.revive_4(p_ids bigint[], p_now bigint, p_slot integer, OUT changed bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    SELECT r.changed INTO changed FROM doorbell.revive_3(p_ids, p_now, p_slot) r;
    UPDATE doorbell.chats c SET
        answer_by = doorbell.since_2(u.received_at) + doorbell.answer_within_1(u.kind, u.chat_key) * interval '1 second',
        is_urgent = doorbell.answer_within_1(u.kind, u.chat_key) <= 30
    FROM doorbell.updates u
    WHERE u.id = ANY (changed) AND doorbell.answer_within_1(u.kind, u.chat_key) IS NOT NULL
        AND c.chat_key = ANY (ARRAY[u.chat_key]) AND c.front = u.seq;
END $$;

-- Drops the updates that wait in the next p_chats chats after p_from, as drop_waiting_1 does, and notes when the fronts that
-- are left should be answered. Only chats that were changed and are locked already can differ.
CREATE FUNCTION doorbell.drop_waiting_2(
    p_before bigint, p_from text, p_chats bigint, p_slot integer, OUT last text, OUT dropped bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    SELECT d.last, d.dropped INTO last, dropped FROM doorbell.drop_waiting_1(p_before, p_from, p_chats, p_slot) d;
    UPDATE doorbell.chats c SET answer_by = f.answer_by, is_urgent = f.is_urgent
    FROM (
        SELECT o.chat_key, coalesce(doorbell.answer_within_1(u.kind, u.chat_key) <= 30, false) AS is_urgent,
            doorbell.since_2(u.received_at) + doorbell.answer_within_1(u.kind, u.chat_key) * interval '1 second' AS answer_by
        FROM doorbell.chats o JOIN doorbell.updates u ON u.chat_key = ANY (ARRAY[o.chat_key]) AND u.seq = o.front
        WHERE o.chat_key > p_from COLLATE "C" AND o.chat_key <= last COLLATE "C"
    ) f
    WHERE c.chat_key = ANY (ARRAY[f.chat_key])
        AND (c.is_urgent <> f.is_urgent OR (c.answer_by IS NULL) <> (f.answer_by IS NULL));
END $$;
