-- A schema of our own: an operator may keep other things in the same database. One that is there
-- already, made for a user who may not make any, is taken as it is.
DO $$ BEGIN
    IF to_regnamespace('doorbell') IS NULL THEN
        CREATE SCHEMA doorbell;
    END IF;
END $$;

-- Which migrations were made, and which programs may use what they left: those that know version
-- `oldest` or a later one.
CREATE TABLE doorbell.schema_version (
    version integer NOT NULL,
    oldest  integer NOT NULL
);
INSERT INTO doorbell.schema_version VALUES (0, 0);

-- Every update that is known, bodies and all. Those that ended keep their row for keep_done, without
-- what was said in them. Settling changes no column that an index has, so it touches no index.
CREATE TABLE doorbell.updates (
    id          bigint   PRIMARY KEY,          -- Telegram's update_id
    seq         bigint   NOT NULL,             -- order of acceptance within a chat
    chat_key    text     COLLATE "C" NOT NULL, -- chat:N, user:N or update:N
    kind        text     NOT NULL,
    received_at bigint   NOT NULL,             -- milliseconds of Unix time, on the program's clock
    expires_at  bigint   NOT NULL,             -- likewise
    state       smallint NOT NULL DEFAULT 0,   -- 0 waits or is held, 1 dead, 2 done, 3 expired, 4 discarded
    attempts    integer  NOT NULL DEFAULT 0,   -- those that counted
    ended_at    timestamptz,                   -- when it was done, expired or discarded
    reason      text,                          -- why the last attempt failed
    calls_left  text,                          -- JSON: calls still to be made, instead of the handler
    body        bytea                          -- the request body as it came; none once it has ended
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
CREATE INDEX updates_line ON doorbell.updates (chat_key, seq);

-- Chats that have something to do, and nothing else: what claims look at, small however much waits.
-- Whoever changes the line of a chat locks its row here first, in the order of the keys.
CREATE TABLE doorbell.chats (
    chat_key text        COLLATE "C" PRIMARY KEY,
    front    bigint      NOT NULL,             -- seq of the update whose turn it is
    tail     bigint      NOT NULL,             -- seq of the last one; nothing waits behind it
    due_at   timestamptz NOT NULL,             -- when it may be given out; while held, when the lease lapses
    token    bigint      NOT NULL DEFAULT 0    -- fencing token of the lease, 0 while nobody has it
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX chats_due ON doorbell.chats (due_at);

-- Dead updates: what an index on the state would be, without its cost for all the others.
CREATE TABLE doorbell.dead (
    id bigint PRIMARY KEY
);

-- How many updates wait or are held is the sum. Everybody counts in rows of their own, so that no
-- two instances wait for each other.
CREATE TABLE doorbell.tally (
    slot integer PRIMARY KEY,
    open bigint  NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
INSERT INTO doorbell.tally SELECT slot, 0 FROM generate_series(0, 63) AS slot;

CREATE SEQUENCE doorbell.batches;
CREATE SEQUENCE doorbell.tokens;
