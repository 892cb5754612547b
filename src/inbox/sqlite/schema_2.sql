-- The bot that owns the updates, and whether a process has acquired the file without releasing it.
CREATE TABLE service (
    bot     INTEGER,                          -- the bot's id; NULL until a service has started
    running INTEGER NOT NULL
);
INSERT INTO service VALUES (NULL, 0);

-- Updates that may have killed the process. Only updates that waited when a process had crashed are recorded, each
-- before it is claimed; all others cost nothing.
CREATE TABLE suspects (
    id      INTEGER PRIMARY KEY,
    in_hand INTEGER NOT NULL,                 -- claimed, and not settled since
    deaths  INTEGER NOT NULL                  -- crashes in a row while it was claimed
);
