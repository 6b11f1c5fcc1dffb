-- The outbox itself: one row.
CREATE TABLE outbox (
    only       INTEGER PRIMARY KEY DEFAULT 1 CHECK (only = 1),
    epoch      TEXT    NOT NULL,              -- UUID made with the file; (epoch, seq) orders events for the server
    last_seq   INTEGER NOT NULL DEFAULT 0,
    delivered  INTEGER NOT NULL DEFAULT 0,    -- rows ever delivered
    created_us INTEGER NOT NULL
) STRICT;

-- One row per event that no answer has named yet.
CREATE TABLE event (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    priority     INTEGER NOT NULL,            -- smaller is sent first and evicted last
    camera       TEXT    NOT NULL,
    checkpoint   TEXT    NOT NULL,
    epoch        TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    boot_id      TEXT    NOT NULL,
    wall_us      INTEGER NOT NULL,            -- raw, never corrected
    mono_ms      INTEGER NOT NULL,
    clock_synced INTEGER NOT NULL CHECK (clock_synced IN (0, 1)),
    body         TEXT    NOT NULL,            -- JSON object without ids, times and pictures
    evidence     TEXT    NOT NULL,            -- JSON {"frame", "plates"}: names relative to the evidence folder
    state        TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'quarantined')),
    reason       TEXT,                        -- why it is quarantined
    created_us   INTEGER NOT NULL,
    UNIQUE (event_id, revision),
    UNIQUE (epoch, seq),
    CHECK ((state = 'quarantined') = (reason IS NOT NULL))
) STRICT;

CREATE INDEX event_order ON event (state, priority, id);
