-- 1: made by `lpr-server backup`. The server that first works on it gives it another store_id.
ALTER TABLE meta ADD COLUMN is_copy INTEGER NOT NULL DEFAULT 0;

-- When and where a record is that was found by its plate, without reading the record.
CREATE INDEX detections_brief ON detections (seq, captured_us, camera_id, checkpoint_id);

-- Health reports of one component, however many there are of others.
CREATE INDEX health_by_component
    ON health (camera_id, checkpoint_id, CASE WHEN json_valid(body) THEN json_extract(body, '$.component') END, at_us);

-- 4: keys of events.
INSERT INTO usage (class) VALUES (4);
