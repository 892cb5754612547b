-- When an update was accepted or last revived, by the clock of the database: the clock of the program may have
-- been wrong. Null for updates of an earlier version. The default is set in a statement of its own, so that
-- existing rows are not rewritten.
ALTER TABLE doorbell.updates ADD COLUMN accepted_at timestamptz;
ALTER TABLE doorbell.updates ALTER COLUMN accepted_at SET DEFAULT clock_timestamp();

-- When due_at was written. If that is later than now, the clock of the database was set back since then.
ALTER TABLE doorbell.chats ADD COLUMN set_at timestamptz;
ALTER TABLE doorbell.chats ALTER COLUMN set_at SET DEFAULT clock_timestamp();

-- Claims the fronts of chats that are due, as claim_2 does, with three differences. Updates of p_mine are not
-- claimed when their lease has lapsed, because this program still handles them. If p_lapsed is false, no update
-- with a lapsed lease is claimed: after an outage, instances extend their leases first. The result has the age
-- of each update in milliseconds, by the clock of the database.
CREATE FUNCTION doorbell.claim_3(
    p_limit bigint, p_lease bigint, p_suspect text, p_token bigint, p_mine bigint[], p_lapsed boolean)
RETURNS TABLE (id bigint, chat_key text, token bigint, kind text, received_at bigint, expires_at bigint,
               attempts integer, calls_left text, body bytea, deaths integer, age bigint)
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
            c.deaths, u.accepted_at, d.later
    )
    SELECT t.id, t.chat_key, t.token, t.kind, t.received_at, t.expires_at, t.attempts, t.calls_left, t.body, t.deaths,
        (extract(epoch FROM begun - t.accepted_at) * 1000)::bigint
    FROM taken t WHERE NOT t.later;
END $$;

-- Records verdicts, as settle_1 does, with two differences. The next front is the next update that waits: others
-- may have overtaken it on the way into the chat, and have ended since. And a process that settles too late has
-- not crashed, so the lapsed lease no longer counts as a crash of the update.
CREATE FUNCTION doorbell.settle_2(
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
        due_at = coalesce(doorbell.since_1(n.received_at), clock_timestamp() + s.delay * interval '1 millisecond'),
        set_at = clock_timestamp()
    FROM unnest(p_chat_keys, p_tokens, p_verdicts, p_delays) AS s (chat_key, token, verdict, delay)
    JOIN doorbell.chats o ON o.chat_key = s.chat_key AND o.token = s.token
    LEFT JOIN LATERAL (
        SELECT u.seq, u.received_at FROM doorbell.updates u
        WHERE s.verdict IN ('done', 'expired', 'dead') AND u.chat_key = o.chat_key AND u.seq > o.front AND u.state = 0
        ORDER BY u.seq LIMIT 1
    ) n ON true
    WHERE c.chat_key = o.chat_key;
    UPDATE doorbell.tally SET open = open - ended WHERE slot = p_slot AND ended > 0;
END $$;

-- Extends the leases that are still held.
CREATE FUNCTION doorbell.extend_2(p_chat_keys text[], p_tokens bigint[], p_lease bigint) RETURNS void
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    PERFORM FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    JOIN doorbell.chats c ON c.chat_key = s.chat_key AND c.token = s.token
    ORDER BY c.chat_key FOR UPDATE OF c;
    UPDATE doorbell.chats c SET
        due_at = clock_timestamp() + p_lease * interval '1 millisecond', set_at = clock_timestamp()
    FROM unnest(p_chat_keys, p_tokens) AS s (chat_key, token)
    WHERE c.chat_key = s.chat_key AND c.token = s.token;
END $$;

-- Puts those of these updates that are dead-letter updates back to waiting, the oldest first. Each gets a new
-- lifetime, as long as its first, from p_now on, which is the time of the program's clock.
CREATE FUNCTION doorbell.revive_2(p_ids bigint[], p_now bigint, p_slot integer, OUT revived bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    base bigint;
BEGIN
    SELECT array_agg(l.id) INTO revived FROM (
        SELECT d.id FROM doorbell.dead d JOIN doorbell.updates u ON u.id = d.id
        WHERE d.id = ANY (p_ids) ORDER BY u.seq FOR UPDATE OF d
    ) l;
    IF revived IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM doorbell.dead d WHERE d.id = ANY (revived);
    base := nextval('doorbell.batches') << 20;
    UPDATE doorbell.updates u SET
        state = 0, attempts = 0, reason = NULL, seq = base + r.place,
        received_at = p_now, expires_at = p_now + u.expires_at - u.received_at, accepted_at = clock_timestamp()
    FROM unnest(revived) WITH ORDINALITY AS r (id, place) WHERE u.id = r.id;
    PERFORM doorbell.line_up_1(revived, base, p_slot);
END $$;

-- Discards those of these updates that are dead-letter updates, and erases their content.
CREATE FUNCTION doorbell.discard_2(p_ids bigint[], OUT discarded bigint[])
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
BEGIN
    SELECT array_agg(l.id) INTO discarded FROM (
        SELECT d.id FROM doorbell.dead d JOIN doorbell.updates u ON u.id = d.id
        WHERE d.id = ANY (p_ids) ORDER BY u.seq FOR UPDATE OF d
    ) l;
    DELETE FROM doorbell.dead d WHERE d.id = ANY (discarded);
    UPDATE doorbell.updates u
    SET state = 4, ended_at = clock_timestamp(), reason = NULL, calls_left = NULL, body = NULL
    WHERE u.id = ANY (discarded);
END $$;

-- Corrects due times after the clock of the database was set back: a chat that was to wait for a second waits
-- for a second from now, and not until the clock reaches the old time again.
CREATE FUNCTION doorbell.set_back_1() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE doorbell.chats c SET
        due_at = clock_timestamp() + greatest(c.due_at - c.set_at, interval '0'), set_at = clock_timestamp()
    FROM (
        SELECT s.chat_key FROM doorbell.chats s WHERE s.set_at > clock_timestamp() + interval '2 seconds'
        ORDER BY s.chat_key FOR UPDATE SKIP LOCKED
    ) back
    WHERE c.chat_key = back.chat_key;
END $$;
