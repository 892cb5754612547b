-- Named values, except the target of the bot, which programs of an earlier version read in its own table.
CREATE TABLE doorbell.stored (
    name  text PRIMARY KEY,
    value text NOT NULL
);
