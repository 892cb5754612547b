-- The bot that owns the schema, because updates of two bots have the same ids. Null until a service of this
-- version has started.
ALTER TABLE doorbell.schema_version ADD COLUMN bot bigint;

-- How many times in a row the lease of the front has lapsed. An update that crashes the process causes this.
ALTER TABLE doorbell.chats ADD COLUMN deaths integer NOT NULL DEFAULT 0;

-- Claims the fronts of chats that are due, each under a lease. If a chat that is due has a token, its lease
-- has lapsed, because settling clears the token.
--
-- An update whose lease lapsed twice in a row is a crash suspect. An instance claims one suspect at a time,
-- so that the next crash shows which update caused it. p_suspect is the chat of the suspect that it has, and
-- p_token its lease. Other suspects are delayed by a tenth of a second.
CREATE FUNCTION doorbell.claim_2(p_limit bigint, p_lease bigint, p_suspect text, p_token bigint)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer)
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
        FROM doorbell.chats c WHERE c.due_at <= begun ORDER BY c.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), turn AS (
        SELECT d.chat_key, d.front, d.deaths,
            d.deaths > 1 AND (has_suspect OR row_number() OVER (PARTITION BY d.deaths > 1 ORDER BY d.due_at) > 1) AS later
        FROM due d
    ), taken AS (
        UPDATE doorbell.chats c SET
            token = CASE WHEN d.later THEN c.token ELSE nextval('doorbell.tokens') END,
            deaths = CASE WHEN d.later THEN c.deaths ELSE d.deaths END,
            due_at = clock_timestamp() + CASE WHEN d.later THEN 100 ELSE p_lease END * interval '1 millisecond'
        FROM turn d JOIN doorbell.updates u ON u.chat_key = d.chat_key AND u.seq = d.front
        WHERE c.chat_key = d.chat_key
        RETURNING u.id, c.chat_key, c.token, u.kind, u.received_at, u.expires_at, u.attempts, u.calls_left, u.body,
            c.deaths, d.later
    )
    SELECT t.id, t.chat_key, t.token, t.kind, t.received_at, t.expires_at, t.attempts, t.calls_left, t.body, t.deaths
    FROM taken t WHERE NOT t.later;
END $$;
