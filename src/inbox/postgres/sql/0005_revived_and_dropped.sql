-- Whether the operator has put the update back: it was a dead-letter update.
ALTER TABLE doorbell.updates ADD COLUMN revived boolean NOT NULL DEFAULT false;

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
        due_at = CASE WHEN f.seq = c.front THEN c.due_at ELSE doorbell.since_1(f.received_at) END,
        set_at = CASE WHEN f.seq = c.front THEN c.set_at ELSE clock_timestamp() END
    FROM unnest(keys) AS k (chat_key) JOIN doorbell.chats o ON o.chat_key = k.chat_key
    JOIN LATERAL (
        SELECT u.seq, u.received_at FROM doorbell.updates u
        WHERE u.chat_key = o.chat_key AND u.seq >= o.front AND u.state = 0 ORDER BY u.seq LIMIT 1
    ) f ON true
    JOIN LATERAL (
        SELECT u.seq FROM doorbell.updates u
        WHERE u.chat_key = o.chat_key AND u.seq >= o.front AND u.state = 0 ORDER BY u.seq DESC LIMIT 1
    ) t ON true
    WHERE c.chat_key = o.chat_key;
    UPDATE doorbell.tally SET open = open - dropped WHERE slot = p_slot;
END $$;
