-- Lists of plates that somebody waits for.
CREATE TABLE watchlists (
    watchlist_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- info, warning, critical
    severity TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

CREATE TABLE watch_entries (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    watchlist_id INTEGER NOT NULL REFERENCES watchlists (watchlist_id) ON DELETE CASCADE,
    -- As it was written.
    plate TEXT NOT NULL,
    -- domain::plate_key and domain::confusion_key of it: where their tables change, these must be made anew.
    plate_key TEXT NOT NULL,
    confusion_key TEXT NOT NULL,
    -- Empty: any.
    province TEXT NOT NULL,
    province_key TEXT NOT NULL,
    note TEXT NOT NULL,
    -- NULL: the list's.
    severity TEXT,
    valid_from_us INTEGER,
    valid_to_us INTEGER,
    -- exact, fuzzy
    match TEXT NOT NULL,
    UNIQUE (watchlist_id, plate_key, province_key)
) STRICT;
-- One way in for both kinds of matching: plates of one plate key have one confusion key.
CREATE INDEX watch_entries_by_look ON watch_entries (confusion_key);
CREATE INDEX watch_entries_by_list ON watch_entries (watchlist_id, entry_id);
CREATE INDEX watch_entries_from ON watch_entries (valid_from_us) WHERE valid_from_us IS NOT NULL;
CREATE INDEX watch_entries_to ON watch_entries (valid_to_us) WHERE valid_to_us IS NOT NULL;

-- What was found, and who has seen it. Outlives the list, the entry and the record.
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL UNIQUE,
    -- plate, camera
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    -- Of a plate: the record, the text as it was read, and what it matched.
    detection_id TEXT,
    plate TEXT,
    entry_id INTEGER,
    entry_plate TEXT,
    why TEXT,
    watchlist_id INTEGER,
    watchlist TEXT,
    note TEXT,
    -- Of a camera: silent, hot, full, frozen, skewed
    problem TEXT,
    ended_us INTEGER,
    acknowledged_us INTEGER,
    acknowledged_by TEXT,
    acknowledged_note TEXT
) STRICT;
-- A record alerts once for an entry, however often it is sent.
CREATE UNIQUE INDEX alerts_of_record ON alerts (detection_id, entry_id) WHERE detection_id IS NOT NULL;
CREATE UNIQUE INDEX alerts_of_camera ON alerts (camera_id, checkpoint_id, problem)
    WHERE problem IS NOT NULL AND ended_us IS NULL;
CREATE INDEX alerts_open ON alerts (seq) WHERE ended_us IS NULL AND acknowledged_us IS NULL;

-- What the webhook is to be told. A row goes when the other side has said that it has it.
CREATE TABLE webhook_queue (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id TEXT NOT NULL UNIQUE,
    alert_id TEXT NOT NULL,
    body TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    given_up_us INTEGER
) STRICT;
CREATE INDEX webhook_due ON webhook_queue (due_us) WHERE given_up_us IS NULL;

-- Cameras that something is the matter with, or may be.
CREATE TABLE camera_problems (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    problem TEXT NOT NULL,
    -- 1: there is an alert that has not ended.
    open INTEGER NOT NULL,
    -- Observations in succession that speak for a change.
    streak INTEGER NOT NULL,
    -- Time of the last of them.
    counted_us INTEGER NOT NULL,
    PRIMARY KEY (camera_id, checkpoint_id, problem)
) STRICT, WITHOUT ROWID;

-- The numbers beside a component's last word.
ALTER TABLE component_health ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
CREATE INDEX health_by_camera ON health (camera_id, checkpoint_id, at_us);
