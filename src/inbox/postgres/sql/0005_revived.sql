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
