-- Who may do what. A token is shown once; what is kept of it tells whether a text is that token, and nothing else.
CREATE TABLE tokens (
    -- The part of the token that is no secret.
    token_id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the part that is.
    hash BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('device', 'viewer', 'admin')),
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    -- Revoked tokens stay: as long as there is a line, the server is not open.
    revoked_us INTEGER
) STRICT, WITHOUT ROWID;

-- What a device may write.
CREATE TABLE token_cameras (
    token_id TEXT NOT NULL REFERENCES tokens (token_id),
    checkpoint_id TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    PRIMARY KEY (token_id, checkpoint_id, camera_id)
) STRICT, WITHOUT ROWID;

-- People who signed in on the page.
CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    token_id TEXT NOT NULL REFERENCES tokens (token_id),
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what, from where.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    what TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
