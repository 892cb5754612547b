-- Each function is one batch and one round trip. Its statements see, each, what was committed before
-- it began, which a single statement with several parts would not: that is why these are functions,
-- and none may be folded into one statement.
--
-- The number in a name is the version of the function: another behaviour gets another name, and the
-- old one stays until no program that calls it may use the database any more.
--
-- Plans must not hang on statistics of tables that are empty now and have a million rows in a
-- minute: the settings leave the planner nothing but lookups by index.

-- Puts updates that were just given a place (base + 1 and up) at the end of their chats' lines.
--
-- Places are drawn before the chats are locked, so that another instance may have drawn later ones and
-- be there first; then new ones are drawn under the lock. So within a chat the order of places is the
-- order in which the lock was had, which is the order of commits: nothing is ever put in before what
-- others can see, and whatever follows the front lies behind it.
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

-- From when on an update that arrived then is due: chats are served by the age of their fronts. Never
-- later than now, whatever the clock of the program said.
CREATE FUNCTION doorbell.since_1(p_received bigint) RETURNS timestamptz
LANGUAGE sql STRICT
AS $$ SELECT least(clock_timestamp(), to_timestamp(least(greatest(p_received, 0), 4102444800000) / 1000.0)) $$;

-- Keeps updates, of which no two have one id, and says which are new and which found no room. What is
-- known already is neither. Rings for other instances when told who rings.
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
    -- In the order of the ids, so that two instances that are offered the same ones wait for one
    -- another in one direction only.
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

-- Takes the fronts of chats that are due, and holds each under a lease.
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
    -- A front that came after this statement began is not seen by it: then the chat is left as it is.
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

-- Milliseconds until the next chat is due that is not yet; none when there is none.
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

-- Records verdicts (done, expired, dead, retry, again, released), one for each token, and moves the
-- chats on. Says which tokens still had their chats; of the others nothing is recorded.
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

-- Prolongs the leases that still stand.
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

-- Counts. The oldest is looked for among the chats that are due for longest and those that are held
-- or wait for a retry: a look at a million fronts would cost more than the answer is worth.
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

-- Puts up to p_limit dead updates, of these ids or of any, back to waiting; the oldest first.
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

-- Ends up to p_limit dead updates, of these ids or of any, without a trace of what was in them.
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

-- Looks at p_step updates from p_from on and forgets those that ended more than p_keep ago. Says the
-- last it looked at, how many it forgot, and how many had ended but were too young.
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
