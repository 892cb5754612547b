-- When the front should be answered, if that matters, and whether slots are reserved for updates of its kind. Programs of an
-- earlier version do not set this, so a front that they line up is claimed in the order of arrival. One that they move away
-- from may leave its time behind, which counts for at most 150 seconds.
ALTER TABLE doorbell.chats
    ADD COLUMN answer_by timestamptz, ADD COLUMN is_urgent boolean NOT NULL DEFAULT false;
CREATE INDEX chats_answer_by ON doorbell.chats (answer_by) WHERE answer_by IS NOT NULL;
CREATE INDEX chats_urgent ON doorbell.chats (answer_by) WHERE is_urgent;

-- Programs of an earlier version cannot read a key with a lane, such as chat:5:express, and would give its update up. So the
-- functions with which they claim skip these keys; in everything else they stay as they are.
DO $$
DECLARE
    claim regprocedure;
BEGIN
    FOR claim IN
        SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'doorbell'::regnamespace
            AND p.proname IN ('claim_1', 'claim_2', 'claim_3', 'claim_4', 'claim_calls_1')
    LOOP
        EXECUTE replace(pg_get_functiondef(claim), 'c.due_at <= begun',
            'c.due_at <= begun AND c.chat_key NOT LIKE ''%:%:%''');
    END LOOP;
END $$;

-- The functions of this version look rows up with `= ANY (ARRAY[...])` where `=` would mean the same. With `=` the planner may read a
-- whole index in place of single rows, if the table was small when the plan was made. They also keep one plan for all
-- parameters, because a new plan costs more than what it saves.

-- As since_1, and a part of the statement that calls it: it is never called as a function.
CREATE FUNCTION doorbell.since_2(p_received bigint) RETURNS timestamptz
LANGUAGE sql
AS $$ SELECT least(clock_timestamp(), to_timestamp(least(greatest(p_received, 0), 4102444800000)::double precision / 1000)) $$;

-- Within how many seconds an update must be answered; null if that does not matter.
CREATE FUNCTION doorbell.answer_within_1(p_kind text, p_chat_key text) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_chat_key LIKE '%:express' THEN 30 ELSE CASE p_kind
        WHEN 'pre_checkout_query' THEN 10 WHEN 'chat_join_request' THEN 10 WHEN 'inline_query' THEN 30
        WHEN 'callback_query' THEN 150 WHEN 'shipping_query' THEN 150 END END
$$;

-- Claims the fronts of chats that are due, as claim_4 does. Those that should be answered by a time that has not passed go
-- first, the earliest time first. p_oldest of p_limit are others, in the order in which they became due, so that these do not
-- wait for ever. Where one sort has too few, the other takes the slots. The result says in `hurried` which was claimed for its
-- time.
CREATE FUNCTION doorbell.claim_5(
    p_limit bigint, p_lease bigint, p_suspect text, p_token bigint, p_mine bigint[], p_lapsed boolean, p_oldest bigint)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint, revived boolean, hurried boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
    has_suspect boolean := p_suspect IS NOT NULL AND EXISTS (
        SELECT FROM doorbell.chats c WHERE c.chat_key = p_suspect AND c.token = p_token AND c.due_at > begun);
    first text[];
    rest text[];
BEGIN
    SELECT coalesce(array_agg(l.chat_key), '{}') INTO first FROM (
        SELECT c.chat_key FROM doorbell.chats c
        WHERE c.answer_by IS NOT NULL AND c.answer_by > begun AND c.due_at <= begun AND c.token = 0
        ORDER BY c.answer_by LIMIT p_limit - p_oldest FOR UPDATE SKIP LOCKED
    ) l;
    SELECT coalesce(array_agg(l.chat_key), '{}') INTO rest FROM (
        SELECT c.chat_key FROM doorbell.chats c
        WHERE c.due_at <= begun AND (c.token = 0 OR (p_lapsed AND c.token <> ALL (p_mine)))
            AND (c.answer_by IS NULL OR c.answer_by <= begun OR c.token <> 0)
        ORDER BY c.due_at LIMIT p_limit - cardinality(first) FOR UPDATE SKIP LOCKED
    ) l;
    IF cardinality(first) = p_limit - p_oldest AND cardinality(rest) < p_oldest THEN
        SELECT first || coalesce(array_agg(l.chat_key), '{}') INTO first FROM (
            SELECT c.chat_key FROM doorbell.chats c
            WHERE c.answer_by IS NOT NULL AND c.answer_by > begun AND c.due_at <= begun AND c.token = 0
                AND c.chat_key <> ALL (first)
            ORDER BY c.answer_by LIMIT p_oldest - cardinality(rest) FOR UPDATE SKIP LOCKED
        ) l;
    END IF;
    -- A front that was stored after this statement began is not visible to it. Such a chat stays as it is.
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front, c.due_at, CASE WHEN c.token <> 0 THEN c.deaths + 1 ELSE 0 END AS deaths,
            c.chat_key = ANY (first) AS hurried
        FROM doorbell.chats c WHERE c.chat_key = ANY (first || rest)
    ), turn AS (
        SELECT d.*, d.deaths > 1 AND (has_suspect OR d.chat_key <> (
            SELECT s.chat_key FROM due s WHERE s.deaths > 1 ORDER BY s.due_at LIMIT 1)) AS later
        FROM due d
    ), taken AS (
        UPDATE doorbell.chats c SET
            token = CASE WHEN d.later THEN c.token ELSE nextval('doorbell.tokens') END,
            deaths = CASE WHEN d.later THEN c.deaths ELSE d.deaths END,
            due_at = clock_timestamp() + CASE WHEN d.later THEN 100 ELSE p_lease END * interval '1 millisecond',
            set_at = clock_timestamp()
        FROM turn d JOIN doorbell.updates u ON u.chat_key = ANY (ARRAY[d.chat_key]) AND u.seq = d.front
        WHERE c.chat_key = ANY (ARRAY[d.chat_key])
        RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
            c.deaths, u.accepted_at, u.revived, d.hurried, d.later
    )
    SELECT t.id, t.chat_key, t.token, t.kind, t.received_at, t.expires_at, t.attempts, t.calls_left, t.body, t.deaths,
        (extract(epoch FROM begun - t.accepted_at) * 1000)::bigint, t.revived, t.hurried
    FROM taken t WHERE NOT t.later;
END $$;

-- Claims the fronts of chats that are due, are urgent and can still be answered in time, as claim_5 does.
CREATE FUNCTION doorbell.claim_urgent_1(p_limit bigint, p_lease bigint)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint, revived boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front FROM doorbell.chats c
        WHERE c.is_urgent AND c.answer_by > begun AND c.due_at <= begun AND c.token = 0
        ORDER BY c.answer_by LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE doorbell.chats c SET
        token = nextval('doorbell.tokens'), deaths = 0,
        due_at = clock_timestamp() + p_lease * interval '1 millisecond', set_at = clock_timestamp()
    FROM due d JOIN doorbell.updates u ON u.chat_key = ANY (ARRAY[d.chat_key]) AND u.seq = d.front
    WHERE c.chat_key = ANY (ARRAY[d.chat_key])
    RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
        c.deaths, (extract(epoch FROM begun - u.accepted_at) * 1000)::bigint, u.revived;
END $$;

-- Claims the fronts of chats that are due and whose calls are left, as claim_calls_1 does, with and without a lane.
CREATE FUNCTION doorbell.claim_calls_2(p_limit bigint, p_lease bigint, p_mine bigint[], p_lapsed boolean)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint, revived boolean)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    begun timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT c.chat_key, c.front, (c.token <> 0)::integer AS deaths
        FROM doorbell.chats c
        JOIN doorbell.updates u ON u.chat_key = ANY (ARRAY[c.chat_key]) AND u.seq = c.front
        WHERE c.has_calls AND c.due_at <= begun AND u.calls_left IS NOT NULL
            AND (c.token = 0 OR (p_lapsed AND c.deaths = 0 AND c.token <> ALL (p_mine)))
        ORDER BY c.due_at LIMIT p_limit FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE doorbell.chats c SET
        token = nextval('doorbell.tokens'), deaths = d.deaths,
        due_at = clock_timestamp() + p_lease * interval '1 millisecond', set_at = clock_timestamp()
    FROM due d JOIN doorbell.updates u ON u.chat_key = ANY (ARRAY[d.chat_key]) AND u.seq = d.front
    WHERE c.chat_key = ANY (ARRAY[d.chat_key])
    RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
        c.deaths, (extract(epoch FROM begun - u.accepted_at) * 1000)::bigint, u.revived;
END $$;
