-- A schema of its own: the same database may hold other data. A schema that exists already is used, so
-- that an operator can create it for a role that may not create schemas.
DO $$ BEGIN
    IF to_regnamespace('doorbell') IS NULL THEN
        CREATE SCHEMA doorbell;
    END IF;
END $$;

-- The version of the schema, and the oldest version of the program that can use it.
CREATE TABLE doorbell.schema_version (
    version integer NOT NULL,
    oldest  integer NOT NULL
);
INSERT INTO doorbell.schema_version VALUES (0, 0);

-- All known updates, with their bodies. An update that ended keeps its row for keep_done, without its
-- content. Settling changes no indexed column, so it changes no index.
CREATE TABLE doorbell.updates (
    id          bigint   PRIMARY KEY,          -- Telegram's update_id
    seq         bigint   NOT NULL,             -- order of acceptance within a chat
    chat_key    text     COLLATE "C" NOT NULL, -- chat:N, user:N or update:N
    kind        text     NOT NULL,
    received_at bigint   NOT NULL,             -- milliseconds of Unix time, by the program's clock
    expires_at  bigint   NOT NULL,             -- the same
    state       smallint NOT NULL DEFAULT 0,   -- 0 waiting or claimed, 1 dead-letter, 2 done, 3 expired, 4 discarded
    attempts    integer  NOT NULL DEFAULT 0,   -- attempts that counted
    ended_at    timestamptz,                   -- when it was done, expired or was discarded
    reason      text,                          -- why the last attempt failed
    calls_left  text,                          -- JSON: calls to be made instead of running the handler
    body        bytea                          -- the request body, unchanged; null once it has ended
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
CREATE INDEX updates_line ON doorbell.updates (chat_key, seq);

-- The chats that have an update to handle. Claims read this table, which stays small however many updates
-- wait. A function that changes the queue of a chat locks its row here first, in the order of the keys.
CREATE TABLE doorbell.chats (
    chat_key text        COLLATE "C" PRIMARY KEY,
    front    bigint      NOT NULL,             -- seq of the next update
    tail     bigint      NOT NULL,             -- seq of the last update
    due_at   timestamptz NOT NULL,             -- when it may be claimed; while it is claimed, the end of the lease
    token    bigint      NOT NULL DEFAULT 0    -- fencing token of the lease, 0 without a lease
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX chats_due ON doorbell.chats (due_at);

-- Dead-letter updates. An index on the state would cost something for every other update too.
CREATE TABLE doorbell.dead (
    id bigint PRIMARY KEY
);

-- The sum is the number of updates that wait or are claimed. Each instance counts in rows of its own, so
-- that two instances do not wait for each other.
CREATE TABLE doorbell.tally (
    slot integer PRIMARY KEY,
    open bigint  NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
INSERT INTO doorbell.tally SELECT slot, 0 FROM generate_series(0, 63) AS slot;

CREATE SEQUENCE doorbell.batches;
CREATE SEQUENCE doorbell.tokens;
