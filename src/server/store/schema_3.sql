-- Plates as they are compared (src/domain/plate_key.rs): a search reads these, never the records.
CREATE TABLE plates (
    -- The record.
    seq INTEGER NOT NULL,
    -- In its ocr_results.
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    confusion TEXT NOT NULL,
    PRIMARY KEY (seq, position)
) STRICT, WITHOUT ROWID;
-- Serves all searches: a confusion key has as many characters as its plate key, so that a prefix of one is found by a
-- prefix of the other, and what is one character off by a walk along this index.
CREATE INDEX plates_by_confusion ON plates (confusion, seq, key);

-- What retention takes first: 0 nothing was read, 1 plates, 2 an alert. NULL: not looked at since this schema came; the
-- server does so in the background and is then done for good.
ALTER TABLE detections ADD COLUMN class INTEGER;
-- Of its body and pictures, when it was counted.
ALTER TABLE detections ADD COLUMN bytes INTEGER;
CREATE INDEX detections_by_class ON detections (class, seq);
CREATE INDEX detections_by_camera_time ON detections (camera_id, checkpoint_id, captured_us);
-- For retention by age.
CREATE INDEX health_by_arrival ON health (received_us);

-- What is stored of each class, and what retention took.
CREATE TABLE usage (
    -- As in detections; 3 is health reports.
    class INTEGER PRIMARY KEY,
    records INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    removed_records INTEGER NOT NULL DEFAULT 0,
    removed_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO usage (class) VALUES (0), (1), (2), (3);

-- Records of each camera by the hour of their time: the tally of one camera.
CREATE TABLE camera_hours (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    -- Hours since 1970, UTC.
    hour INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (camera_id, checkpoint_id, hour)
) STRICT, WITHOUT ROWID;
INSERT INTO camera_hours SELECT camera_id, checkpoint_id,
    (captured_us - (captured_us % 3600000000 + 3600000000) % 3600000000) / 3600000000 AS hour, count(*)
    FROM detections GROUP BY camera_id, checkpoint_id, hour;
