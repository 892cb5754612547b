-- Updates that have not ended: they wait or are claimed (state 0), are dead-letter updates (1), or were revived (2)
-- and are not yet adopted by the process that owns the file.
CREATE TABLE updates (
    id          INTEGER PRIMARY KEY,          -- Telegram's update_id
    seq         INTEGER NOT NULL,             -- order of acceptance
    kind        TEXT    NOT NULL,
    chat_key    TEXT    NOT NULL,             -- chat:N, user:N or update:N
    received_at INTEGER NOT NULL,             -- like all times here: milliseconds of Unix time
    expires_at  INTEGER NOT NULL,
    state       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,   -- attempts that counted
    due_at      INTEGER NOT NULL DEFAULT 0,   -- when the next attempt may start
    reason      TEXT,                         -- why the last attempt failed
    calls_left  TEXT,                         -- JSON: calls still to be made; the handler does not run then
    body        BLOB    NOT NULL              -- the request body, byte for byte
);

-- Finds the few updates that do not wait, without a scan of those that do. SQLite uses it where a statement says
-- `state <> 0`.
CREATE INDEX updates_not_waiting ON updates (state, seq) WHERE state <> 0;

-- Updates that ended a moment ago. Within a second, or with one of the next commits, they are moved to `ended` and
-- their bodies are erased. Until then they are in `updates` too.
CREATE TABLE settled (
    id          INTEGER PRIMARY KEY,
    ended_at    INTEGER NOT NULL,
    outcome     TEXT    NOT NULL
);

-- Updates that ended. Their bodies are erased; their ids stay known for keep_done.
CREATE TABLE ended (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    outcome     TEXT    NOT NULL              -- done, expired, discarded or dropped
);
