-- A data directory's database as lpr-server 0.1.0 with schema 1 left it: made by that program, dumped by sqlite3.
PRAGMA application_id = 1280332371;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
    store_id TEXT NOT NULL,
    -- Rises with every commit: an agent sees from it that a backup was restored.
    checkpoint INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES('cd518240-6c23-49fc-a715-7c4d36a8af99',7);
CREATE TABLE cameras (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    registered_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    detection_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (camera_id, checkpoint_id)
) STRICT, WITHOUT ROWID;
INSERT INTO cameras VALUES('7','default',1795478264323586,1795478264323586,1);
INSERT INTO cameras VALUES('cam-1','gate',1795478264246140,1795478264355174,2);
INSERT INTO cameras VALUES('cam-2','gate',1795478264308910,1795478264308910,1);
CREATE TABLE detections (
    seq INTEGER PRIMARY KEY,
    detection_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    captured_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
INSERT INTO detections VALUES(1,'8fc1bf80-18f2-4314-b5b4-e8030fa0a355','cam-1','gate',1734602400000000,1795478264269016,'{"boot_id":"b-1","camera_id":"cam-1","checkpoint_id":"gate","clock_synced":true,"event_id":"0193de1a-0000-7000-8000-000000000001","mono_ms":5000,"ocr_results":["ABC1234"],"plate_detections":[{"bbox":[150,150,180,170],"confidence":0.92,"text":"ABC1234"}],"plates_count":1,"revision":0,"time_corrected":false,"timestamp":"2024-12-19T10:00:00.000000+00:00","timestamp_original":"2024-12-19T10:00:00Z","type":"detection_result","vehicle_detections":[{"bbox":[100,100,200,200],"class":"car","confidence":0.95}],"vehicles_count":1}');
INSERT INTO detections VALUES(2,'26fba006-ee68-4280-a2ea-fc39dbae6cc6','cam-1','gate',300000000,1795478264292221,'{"boot_id":"b-2","camera_id":"cam-1","checkpoint_id":"gate","clock_synced":false,"event_id":"0193de1a-0000-7000-8000-000000000002","first_seen":["1970-01-01T00:04:59.000000+00:00"],"mono_ms":6000,"ocr_results":["ก1234"],"plate_detections":[],"plates_count":1,"revision":0,"time_corrected":false,"timestamp":"1970-01-01T00:05:00.000000+00:00","timestamp_original":"1970-01-01T00:05:00.000000+00:00","type":"detection_result","vehicle_detections":[],"vehicles_count":0}');
INSERT INTO detections VALUES(3,'d8b0db4c-413c-4ddd-9d58-00d510b1e05b','cam-2','gate',1734602430000000,1795478264308910,'{"boot_id":"b-2","camera_id":"cam-2","checkpoint_id":"gate","clock_synced":false,"event_id":"0193de1a-0000-7000-8000-000000000003","ocr_results":["XY9"],"plate_detections":[],"plates_count":1,"time_corrected":true,"timestamp":"2024-12-19T10:00:30.000000+00:00","timestamp_original":"2024-12-19T10:00:30.000000+00:00","type":"detection_result","vehicle_detections":[],"vehicles_count":0}');
INSERT INTO detections VALUES(4,'fe921da8-07fa-4ba0-9be7-c773a7db6abc','7','default',1734602460000000,1795478264323586,'{"camera_id":"7","checkpoint_id":"default","confidence":80,"location":"x","ocr_results":["OLD1"],"plate_detections":[{"bbox":null,"confidence":0.8,"text":"OLD1"}],"plate_number":"OLD1","plates_count":1,"timestamp":"2024-12-19T10:01:00.000000+00:00","timestamp_original":"2024-12-19T10:01:00Z","type":"detection_result","vehicle_detections":[],"vehicles_count":0}');
CREATE TABLE images (
    detection_id TEXT NOT NULL REFERENCES detections (detection_id),
    -- frame, original, data, crop-0, crop-1, …
    name TEXT NOT NULL,
    -- Below the images folder.
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (detection_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO images VALUES('8fc1bf80-18f2-4314-b5b4-e8030fa0a355','crop-0','2026/11/23/8fc1bf80-18f2-4314-b5b4-e8030fa0a355-crop-0.jpg',6);
INSERT INTO images VALUES('8fc1bf80-18f2-4314-b5b4-e8030fa0a355','frame','2026/11/23/8fc1bf80-18f2-4314-b5b4-e8030fa0a355-frame.jpg',6);
INSERT INTO images VALUES('fe921da8-07fa-4ba0-9be7-c773a7db6abc','data','2026/11/23/fe921da8-07fa-4ba0-9be7-c773a7db6abc-data.jpg',6);
CREATE TABLE health (
    seq INTEGER PRIMARY KEY,
    health_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
INSERT INTO health VALUES(1,'6c788d35-9b01-4c4b-9c4e-d5ac8d635f64','cam-1','gate',1734602520000000,1795478264343936,'{"camera_id":"cam-1","checkpoint_id":"gate","component":"camera","details":{"cpu_usage":4},"event_id":"0193de1a-0000-7000-8000-000000000004","message":"dark","status":"warning","status_original":"warning","timestamp":"2024-12-19T10:02:00.000000+00:00","timestamp_original":"2024-12-19T10:02:00Z","type":"health_check"}');
INSERT INTO health VALUES(2,'adffff38-cc45-4ed1-90c2-7d27e03e0cf8','cam-1','gate',1734602580000000,1795478264355174,'{"camera_id":"cam-1","checkpoint_id":"gate","component":"outbox","details":{"count":3,"epoch":"e1","from_seq":4,"kind":"plate","reason":"evicted","to_seq":6},"event_id":"0193de1a-0000-7000-8000-000000000005","message":"3 events lost","status":"warning","status_original":"warning","timestamp":"2024-12-19T10:03:00.000000+00:00","timestamp_original":"2024-12-19T10:03:00Z","type":"health_check"}');
CREATE TABLE component_health (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    component TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (camera_id, checkpoint_id, component)
) STRICT, WITHOUT ROWID;
INSERT INTO component_health VALUES('cam-1','gate','camera','warning','dark',1734602520000000);
INSERT INTO component_health VALUES('cam-1','gate','outbox','warning','3 events lost',1734602580000000);
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
INSERT INTO receipts VALUES('detection','7','default','derived:5513e67dd0cdb156f3481cb169a37d905d72896b7bf0898eec9d14ebf4478117',0,'fe921da8-07fa-4ba0-9be7-c773a7db6abc',1795478264323586);
INSERT INTO receipts VALUES('detection','cam-1','gate','0193de1a-0000-7000-8000-000000000001',0,'8fc1bf80-18f2-4314-b5b4-e8030fa0a355',1795478264269016);
INSERT INTO receipts VALUES('detection','cam-1','gate','0193de1a-0000-7000-8000-000000000002',0,'26fba006-ee68-4280-a2ea-fc39dbae6cc6',1795478264292221);
INSERT INTO receipts VALUES('detection','cam-2','gate','0193de1a-0000-7000-8000-000000000003',0,'d8b0db4c-413c-4ddd-9d58-00d510b1e05b',1795478264308910);
INSERT INTO receipts VALUES('health','cam-1','gate','0193de1a-0000-7000-8000-000000000004',0,'6c788d35-9b01-4c4b-9c4e-d5ac8d635f64',1795478264343936);
INSERT INTO receipts VALUES('health','cam-1','gate','0193de1a-0000-7000-8000-000000000005',0,'adffff38-cc45-4ed1-90c2-7d27e03e0cf8',1795478264355174);
CREATE INDEX detections_by_camera ON detections (camera_id, checkpoint_id, seq);
CREATE INDEX detections_by_checkpoint ON detections (checkpoint_id, seq);
CREATE INDEX detections_by_time ON detections (captured_us);
CREATE INDEX health_by_time ON health (at_us);
COMMIT;
