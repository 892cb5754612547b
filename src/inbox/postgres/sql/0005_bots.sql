-- Whether the operator has put the update back: it was a dead-letter update.
ALTER TABLE doorbell.updates ADD COLUMN revived boolean NOT NULL DEFAULT false;

-- Whether the front has been handled and calls of it are left. They can be made while the bot of the operator is away. A
-- program of an earlier version does not set it, so a claim looks at the update too.
ALTER TABLE doorbell.chats ADD COLUMN has_calls boolean NOT NULL DEFAULT false;
CREATE INDEX chats_calls ON doorbell.chats (due_at) WHERE has_calls;
UPDATE doorbell.chats c SET has_calls = true FROM doorbell.updates u
WHERE u.chat_key = c.chat_key AND u.seq = c.front AND u.calls_left IS NOT NULL;

-- Claims the fronts of chats that are due, as claim_3 does. The result also says whether an update was revived.
CREATE FUNCTION doorbell.claim_4(
    p_limit bigint, p_lease bigint, p_suspect text, p_token bigint, p_mine bigint[], p_lapsed boolean)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint, revived boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
    has_suspect boolean := EXISTS (
        SELECT FROM doorbell.chats c WHERE c.chat_key = p_suspect AND c.token = p_token AND c.due_at > begun);
BEGIN
    -- A front that was stored after this statement began is not visible to it. Such a chat stays as it is.
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front, c.due_at, CASE WHEN c.token <> 0 THEN c.deaths + 1 ELSE 0 END AS deaths
        FROM doorbell.chats c
        WHERE c.due_at <= begun AND (c.token = 0 OR (p_lapsed AND c.token <> ALL (p_mine)))
        ORDER BY c.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), turn AS (
        SELECT d.chat_key, d.front, d.deaths,
            d.deaths > 1 AND (has_suspect OR row_number() OVER (PARTITION BY d.deaths > 1 ORDER BY d.due_at) > 1) AS later
        FROM due d
    ), taken AS (
        UPDATE doorbell.chats c SET
            token = CASE WHEN d.later THEN c.token ELSE nextval('doorbell.tokens') END,
            deaths = CASE WHEN d.later THEN c.deaths ELSE d.deaths END,
            due_at = clock_timestamp() + CASE WHEN d.later THEN 100 ELSE p_lease END * interval '1 millisecond',
            set_at = clock_timestamp()
        FROM turn d JOIN doorbell.updates u ON u.chat_key = d.chat_key AND u.seq = d.front
        WHERE c.chat_key = d.chat_key
        RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
            c.deaths, u.accepted_at, u.revived, d.later
    )
    SELECT t.id, t.chat_key, t.token, t.kind, t.received_at, t.expires_at, t.attempts, t.calls_left, t.body, t.deaths,
        (extract(epoch FROM begun - t.accepted_at) * 1000)::bigint, t.revived
    FROM taken t WHERE NOT t.later;
END $$;

-- Claims the fronts of chats that are due and whose calls are left, as claim_4 does. Crash suspects are not claimed.
CREATE FUNCTION doorbell.claim_calls_1(p_limit bigint, p_lease bigint, p_mine bigint[], p_lapsed boolean)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint, revived boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front, (c.token <> 0)::integer AS deaths
        FROM doorbell.chats c JOIN doorbell.updates u ON u.chat_key = c.chat_key AND u.seq = c.front
        WHERE c.has_calls AND c.due_at <= begun AND u.calls_left IS NOT NULL
            AND (c.token = 0 OR (p_lapsed AND c.deaths = 0 AND c.token <> ALL (p_mine)))
        ORDER BY c.due_at LIMIT p_limit FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE doorbell.chats c SET
        token = nextval('doorbell.tokens'), deaths = d.deaths,
        due_at = clock_timestamp() + p_lease * interval '1 millisecond', set_at = clock_timestamp()
    FROM due d JOIN doorbell.updates u ON u.chat_key = d.chat_key AND u.seq = d.front
    WHERE c.chat_key = d.chat_key
    RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
        c.deaths, (extract(epoch FROM begun - u.accepted_at) * 1000)::bigint, u.revived;
END $$;

-- Records verdicts, as settle_2 does, and notes whether calls of the front are left.
CREATE FUNCTION doorbell.settle_3(
    p_chat_keys text[], p_tokens bigint[], p_ids bigint[], p_verdicts text[], p_delays bigint[], p_reasons text[],
    p_calls text[], p_slot integer, OUT settled bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    ended bigint;
BEGIN
    SELECT array_agg(l.token) FILTER (WHERE l.stands) INTO settled FROM (
        SELECT c.token, c.token = s.token AS stands FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
        JOIN doorbell.chats c ON c.chat_key = s.chat_key
        ORDER BY c.chat_key FOR UPDATE OF c
    ) l;
    IF settled IS NULL OR cardinality(settled) < cardinality(p_tokens) THEN
        UPDATE doorbell.chats c SET deaths = c.deaths - 1
        FROM unnest(p_chat_keys, p_tokens, p_ids) AS s (chat_key, token, id) JOIN doorbell.updates u ON u.id = s.id
        WHERE c.chat_key = s.chat_key AND c.token > s.token AND c.deaths > 0 AND c.front = u.seq;
    END IF;
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
        has_calls = coalesce(n.has_calls, s.verdict = 'calls_left' OR c.has_calls),
        due_at = coalesce(doorbell.since_1(n.received_at), clock_timestamp() + s.delay * interval '1 millisecond'),
        set_at = clock_timestamp()
    FROM unnest(p_chat_keys, p_tokens, p_verdicts, p_delays) AS s (chat_key, token, verdict, delay)
    JOIN doorbell.chats o ON o.chat_key = s.chat_key AND o.token = s.token
    LEFT JOIN LATERAL (
        SELECT u.seq, u.received_at, u.calls_left IS NOT NULL AS has_calls FROM doorbell.updates u
        WHERE s.verdict IN ('done', 'expired', 'dead') AND u.chat_key = o.chat_key AND u.seq > o.front AND u.state = 0
        ORDER BY u.seq LIMIT 1
    ) n ON true
    WHERE c.chat_key = o.chat_key;
    UPDATE doorbell.tally SET open = open - ended WHERE slot = p_slot AND ended > 0;
END $$;

-- Puts those of these updates that are dead-letter updates back to waiting, as revive_2 does, and notes it.
CREATE FUNCTION doorbell.revive_3(p_ids bigint[], p_now bigint, p_slot integer, OUT changed bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    base bigint;
BEGIN
    SELECT array_agg(l.id) INTO changed FROM (
        SELECT d.id FROM doorbell.dead d JOIN doorbell.updates u ON u.id = d.id
        WHERE d.id = ANY (p_ids) ORDER BY u.seq FOR UPDATE OF d
    ) l;
    IF changed IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM doorbell.dead d WHERE d.id = ANY (changed);
    base := nextval('doorbell.batches') << 20;
    UPDATE doorbell.updates u SET
        state = 0, revived = true, attempts = 0, reason = NULL, seq = base + r.place,
        received_at = p_now, expires_at = p_now + u.expires_at - u.received_at, accepted_at = clock_timestamp()
    FROM unnest(changed) WITH ORDINALITY AS r (id, place) WHERE u.id = r.id;
    PERFORM doorbell.line_up_1(changed, base, p_slot);
    UPDATE doorbell.chats c SET has_calls = true FROM doorbell.updates u
    WHERE u.id = ANY (changed) AND u.calls_left IS NOT NULL AND c.chat_key = u.chat_key AND c.front = u.seq;
END $$;

-- Drops the updates that wait in the next p_chats chats after p_from: state 5. Their rows stay, without their content.
-- Updates that are claimed, that have calls left, or that got their number after p_before stay as they are. Returns the
-- last chat, null if there was none, and the number of dropped updates.
CREATE FUNCTION doorbell.drop_waiting_1(
    p_before bigint, p_from text, p_chats bigint, p_slot integer, OUT last text, OUT dropped bigint)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    keys text[];
BEGIN
    SELECT array_agg(l.chat_key), max(l.chat_key) INTO keys, last FROM (
        SELECT c.chat_key FROM doorbell.chats c WHERE c.chat_key > p_from COLLATE "C"
        ORDER BY c.chat_key LIMIT p_chats FOR UPDATE
    ) l;
    WITH gone AS (
        UPDATE doorbell.updates u SET state = 5, ended_at = clock_timestamp(), reason = NULL, body = NULL
        FROM unnest(keys) AS k (chat_key) JOIN doorbell.chats c ON c.chat_key = k.chat_key
        WHERE u.chat_key = c.chat_key AND u.seq >= c.front AND u.seq < p_before
            AND u.state = 0 AND u.calls_left IS NULL AND (c.token = 0 OR u.seq <> c.front)
        RETURNING u.id
    )
    SELECT count(*) INTO dropped FROM gone;
    IF dropped = 0 THEN
        RETURN;
    END IF;
    DELETE FROM doorbell.chats c USING unnest(keys) AS k (chat_key)
    WHERE c.chat_key = k.chat_key AND NOT EXISTS (
        SELECT FROM doorbell.updates u WHERE u.chat_key = c.chat_key AND u.seq >= c.front AND u.state = 0);
    -- A claimed front waits too as far as this table knows, so it stays the front.
    UPDATE doorbell.chats c SET
        front = f.seq,
        tail = t.seq,
        has_calls = f.has_calls,
        due_at = CASE WHEN f.seq = c.front THEN c.due_at ELSE doorbell.since_1(f.received_at) END,
        set_at = CASE WHEN f.seq = c.front THEN c.set_at ELSE clock_timestamp() END
    FROM unnest(keys) AS k (chat_key) JOIN doorbell.chats o ON o.chat_key = k.chat_key
    JOIN LATERAL (
        SELECT u.seq, u.received_at, u.calls_left IS NOT NULL AS has_calls FROM doorbell.updates u
        WHERE u.chat_key = o.chat_key AND u.seq >= o.front AND u.state = 0 ORDER BY u.seq LIMIT 1
    ) f ON true
    JOIN LATERAL (
        SELECT u.seq FROM doorbell.updates u
        WHERE u.chat_key = o.chat_key AND u.seq >= o.front AND u.state = 0 ORDER BY u.seq DESC LIMIT 1
    ) t ON true
    WHERE c.chat_key = o.chat_key;
    UPDATE doorbell.tally SET open = open - dropped WHERE slot = p_slot;
END $$;
