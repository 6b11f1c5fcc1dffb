-- What many rows share is kept once: a row of `event` is small, so that settling a batch rewrites few pages.
CREATE TABLE epoch  (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE camera (id INTEGER PRIMARY KEY, camera TEXT NOT NULL, checkpoint TEXT NOT NULL, UNIQUE (camera, checkpoint)) STRICT;
CREATE TABLE boot (
    id               INTEGER PRIMARY KEY,
    boot_id          TEXT NOT NULL UNIQUE,
    base_us          INTEGER,                 -- true wall time at the start of its monotonic clock, once known
    unsynced_base_us INTEGER                  -- the same by the wall clock as it last stood while not to be trusted
) STRICT;

ALTER TABLE event RENAME TO event_1;
DROP INDEX event_order;
ALTER TABLE outbox RENAME TO outbox_1;

-- The outbox itself: one row.
CREATE TABLE outbox (
    only              INTEGER PRIMARY KEY DEFAULT 1 CHECK (only = 1),
    epoch             TEXT    NOT NULL,       -- UUID; (epoch, seq) orders events for the server
    last_seq          INTEGER NOT NULL DEFAULT 0,
    last_id           INTEGER NOT NULL DEFAULT 0,
    delivered         INTEGER NOT NULL DEFAULT 0,   -- events ever delivered
    duplicates        INTEGER NOT NULL DEFAULT 0,   -- of them, those that the server had already
    reporter          INTEGER,                -- camera in whose name the outbox reports
    server_store      TEXT,                   -- PROTOCOL 2: store_id and highest checkpoint seen
    server_checkpoint INTEGER,
    created_us        INTEGER NOT NULL
) STRICT;

-- One row per event. The lane is state and priority in one, so that one index serves sending and eviction:
-- 0 plate, 1 report of the outbox, 2 health: waiting, sent in this order; 8 delivered and kept; 9 quarantined.
CREATE TABLE event (
    id             INTEGER PRIMARY KEY,       -- given by the outbox, never used twice
    lane           INTEGER NOT NULL CHECK (lane IN (0, 1, 2, 8, 9)),
    event_id       BLOB    NOT NULL CHECK (length(event_id) = 16),
    revision       INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    camera         INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    boot           INTEGER NOT NULL,
    wall_us        INTEGER NOT NULL,          -- raw, never corrected
    mono_ms        INTEGER NOT NULL,
    synced         INTEGER NOT NULL CHECK (synced IN (0, 1)),
    bytes          INTEGER NOT NULL,          -- of the row itself, about
    evidence_bytes INTEGER NOT NULL,          -- of its pictures
    settled_us     INTEGER,                   -- wall time of the receipt; NULL where the clock was not to be trusted
    checkpoint     INTEGER,                   -- the server's, with the receipt
    UNIQUE (event_id, revision)
) STRICT;
CREATE INDEX event_lane ON event (lane, id);

-- Apart from `event`, so that a change of state does not write the body again.
CREATE TABLE payload (
    id       INTEGER PRIMARY KEY,
    body     TEXT NOT NULL,                   -- JSON object without ids, times and pictures
    evidence TEXT NOT NULL                    -- JSON {"frame", "plates"}: names relative to the evidence folder
) STRICT;
CREATE TABLE quarantine (id INTEGER PRIMARY KEY, reason TEXT NOT NULL) STRICT;

-- Sums, so that nothing is ever counted by reading all rows.
CREATE TABLE tally (
    lane           INTEGER PRIMARY KEY,
    rows           INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0,
    evidence_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE evicted (kind TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (kind, reason)) STRICT;
-- Delivered events that are no longer kept, in blocks: what cannot be sent again should the server lose it.
CREATE TABLE purged (
    kind           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL,
    block          INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    from_seq       INTEGER NOT NULL,
    to_seq         INTEGER NOT NULL,
    max_checkpoint INTEGER,
    PRIMARY KEY (kind, epoch, block)
) STRICT;

INSERT INTO epoch (epoch) SELECT epoch FROM event_1 UNION SELECT epoch FROM outbox_1;
INSERT INTO camera (camera, checkpoint) SELECT DISTINCT camera, checkpoint FROM event_1;
INSERT INTO boot (boot_id) SELECT DISTINCT boot_id FROM event_1;
UPDATE boot SET unsynced_base_us = (
    SELECT wall_us - mono_ms * 1000 FROM event_1 WHERE boot_id = boot.boot_id AND clock_synced = 0 ORDER BY id DESC LIMIT 1);
INSERT INTO outbox (epoch, last_seq, last_id, delivered, reporter, created_us)
    SELECT epoch, last_seq, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event_1'), 0), delivered,
           (SELECT max(id) FROM camera), created_us
    FROM outbox_1;
INSERT INTO event (id, lane, event_id, revision, kind, camera, epoch, seq, boot, wall_us, mono_ms, synced, bytes, evidence_bytes)
    SELECT e.id, CASE WHEN e.state = 'quarantined' THEN 9 WHEN e.kind = 'plate' THEN 0 ELSE 2 END,
           unhex(replace(e.event_id, '-', '')), e.revision, e.kind, c.id, p.id, e.seq, b.id, e.wall_us, e.mono_ms,
           e.clock_synced, length(CAST(e.body AS BLOB)) + 128, 0
    FROM event_1 e
    JOIN camera c ON c.camera = e.camera AND c.checkpoint = e.checkpoint
    JOIN epoch p ON p.epoch = e.epoch
    JOIN boot b ON b.boot_id = e.boot_id;
INSERT INTO payload (id, body, evidence) SELECT id, body, evidence FROM event_1;
INSERT INTO quarantine (id, reason) SELECT id, reason FROM event_1 WHERE state = 'quarantined';
INSERT INTO tally (lane) VALUES (0), (1), (2), (8), (9);
UPDATE tally SET (rows, bytes) = (SELECT count(*), coalesce(sum(bytes), 0) FROM event WHERE event.lane = tally.lane);
DROP TABLE event_1;
DROP TABLE outbox_1;
