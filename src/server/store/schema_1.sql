CREATE TABLE meta (
    store_id TEXT NOT NULL,
    -- Rises with every commit: an agent sees from it that a backup was restored.
    checkpoint INTEGER NOT NULL
) STRICT;

CREATE TABLE cameras (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    registered_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    detection_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (camera_id, checkpoint_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE detections (
    seq INTEGER PRIMARY KEY,
    detection_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    captured_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX detections_by_camera ON detections (camera_id, checkpoint_id, seq);
CREATE INDEX detections_by_checkpoint ON detections (checkpoint_id, seq);
CREATE INDEX detections_by_time ON detections (captured_us);

CREATE TABLE images (
    detection_id TEXT NOT NULL REFERENCES detections (detection_id),
    -- frame, original, data, crop-0, crop-1, …
    name TEXT NOT NULL,
    -- Below the images folder.
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (detection_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE health (
    seq INTEGER PRIMARY KEY,
    health_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX health_by_time ON health (at_us);

-- The last word of each component.
CREATE TABLE component_health (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    component TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (camera_id, checkpoint_id, component)
) STRICT, WITHOUT ROWID;

-- What was accepted, and what was answered: kept longer than the records themselves.
CREATE TABLE receipts (
    kind TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    event_key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- The detection_id or health_id of the first answer.
    record_id TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    PRIMARY KEY (kind, camera_id, checkpoint_id, event_key)
) STRICT, WITHOUT ROWID;
