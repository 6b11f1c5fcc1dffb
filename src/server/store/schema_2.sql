-- What is counted is counted with the commit, so that statistics never read the records.
ALTER TABLE cameras ADD COLUMN health_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cameras ADD COLUMN lost_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cameras ADD COLUMN lost_health INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cameras ADD COLUMN lost_pictures INTEGER NOT NULL DEFAULT 0;
UPDATE cameras SET health_count = h.n
    FROM (SELECT camera_id, checkpoint_id, count(*) AS n FROM health GROUP BY camera_id, checkpoint_id) AS h
    WHERE h.camera_id = cameras.camera_id AND h.checkpoint_id = cameras.checkpoint_id;

-- Records by the quarter of an hour of their time: every zone's day is made of whole quarters.
CREATE TABLE tally (
    -- detection, health
    kind TEXT NOT NULL,
    -- Quarters of an hour since 1970, UTC.
    quarter INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, quarter)
) STRICT, WITHOUT ROWID;
INSERT INTO tally SELECT 'detection',
    (captured_us - (captured_us % 900000000 + 900000000) % 900000000) / 900000000 AS quarter, count(*)
    FROM detections GROUP BY quarter;
INSERT INTO tally SELECT 'health',
    (at_us - (at_us % 900000000 + 900000000) % 900000000) / 900000000 AS quarter, count(*)
    FROM health GROUP BY quarter;
-- "Today" asks the tally now.
DROP INDEX health_by_time;

-- The boot whose clock was wrong when this was stamped, until the time is corrected.
ALTER TABLE detections ADD COLUMN raw_boot TEXT;
ALTER TABLE health ADD COLUMN raw_boot TEXT;
UPDATE detections SET raw_boot = json_extract(body, '$.boot_id')
    WHERE json_valid(body) AND json_type(body, '$.boot_id') = 'text'
    AND json_extract(body, '$.clock_synced') = 0 AND coalesce(json_extract(body, '$.time_corrected'), 0) = 0;
UPDATE health SET raw_boot = json_extract(body, '$.boot_id')
    WHERE json_valid(body) AND json_type(body, '$.boot_id') = 'text'
    AND json_extract(body, '$.clock_synced') = 0 AND coalesce(json_extract(body, '$.time_corrected'), 0) = 0;
CREATE INDEX detections_raw ON detections (raw_boot) WHERE raw_boot IS NOT NULL;
CREATE INDEX health_raw ON health (raw_boot) WHERE raw_boot IS NOT NULL;

-- How far a boot's clock was off: the first word counts.
CREATE TABLE clocks (
    boot_id TEXT NOT NULL PRIMARY KEY,
    offset_us INTEGER NOT NULL,
    -- Who said so.
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    reported_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What agents say they lost.
CREATE TABLE gaps (
    seq INTEGER PRIMARY KEY,
    health_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    epoch TEXT NOT NULL,
    from_seq INTEGER,
    to_seq INTEGER,
    count INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_by_camera ON gaps (camera_id, seq);
