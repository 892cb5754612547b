-- Updates that somebody still has to do something about: they wait (state 0), are dead (1),
-- or were revived (2) and not yet taken up by the process that owns the file.
CREATE TABLE updates (
    id          INTEGER PRIMARY KEY,          -- Telegram's update_id
    seq         INTEGER NOT NULL,             -- order of acceptance
    kind        TEXT    NOT NULL,
    chat_key    TEXT    NOT NULL,             -- chat:N, user:N or update:N
    received_at INTEGER NOT NULL,             -- this and all times: milliseconds of Unix time
    expires_at  INTEGER NOT NULL,
    state       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,   -- those that counted
    due_at      INTEGER NOT NULL DEFAULT 0,   -- not to be tried again before
    reason      TEXT,                         -- why the last attempt failed
    calls_left  TEXT,                         -- JSON: calls still to be made, instead of the handler
    body        BLOB    NOT NULL              -- the request body as it came
);

-- The few that do not wait are found without passing by those that do. (SQLite uses it where a
-- statement says `state <> 0`.)
CREATE INDEX updates_not_waiting ON updates (state, seq) WHERE state <> 0;

-- Updates that ended a moment ago. Their bodies are erased within a second, or with one of the next
-- commits: until then they stand in `updates` too.
CREATE TABLE settled (
    id          INTEGER PRIMARY KEY,
    ended_at    INTEGER NOT NULL,
    outcome     TEXT    NOT NULL
);

-- Updates that ended. What was said in them is gone; their ids stay known for keep_done.
CREATE TABLE ended (
    id          INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    outcome     TEXT    NOT NULL              -- done, expired or discarded
);
