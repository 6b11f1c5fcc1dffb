-- Codes with which a device fetches its token, once: never the code. One that was used is removed.
CREATE TABLE token_codes (
    hash        BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    created_us  INTEGER NOT NULL,
    expires_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token_code_cameras (
    hash           BLOB NOT NULL REFERENCES token_codes (hash) ON DELETE CASCADE,
    checkpoint_id  TEXT NOT NULL,
    camera_id      TEXT NOT NULL,
    PRIMARY KEY (hash, checkpoint_id, camera_id)
) STRICT, WITHOUT ROWID;
