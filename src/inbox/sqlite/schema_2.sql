-- Whose updates these are, and whether a process has taken the file and not let go of it in good order.
CREATE TABLE service (
    bot     INTEGER,                          -- the bot's number; none until a service has started
    running INTEGER NOT NULL
);
INSERT INTO service VALUES (NULL, 0);

-- Updates that a process may have died of. Only those that were there when one had died are written
-- down, each before it is claimed; all others cost nothing.
CREATE TABLE suspects (
    id      INTEGER PRIMARY KEY,
    in_hand INTEGER NOT NULL,                 -- claimed, and not settled since
    deaths  INTEGER NOT NULL                  -- in a row that came while it was in hand
);
