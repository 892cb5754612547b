-- The target of the bot behind the gateway, as JSON: at most one row. Programs of an earlier version do not
-- read it.
CREATE TABLE doorbell.target (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    target  text    NOT NULL
);
