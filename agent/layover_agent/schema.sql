-- The agent's memory. It can be rebuilt from the recordings, except for holds and uptime.
-- Only one connection writes and checkpoints it.

-- Facts by name: epoch (which count of `seq` this is), scanned_ms, uptime_ms.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One row for each recording ever listed. A changed row moves to a new `seq`: reading on from
-- a `seq` gives every change since, each recording once. Rows of recordings that are gone stay.
CREATE TABLE recordings (
    id             TEXT PRIMARY KEY,
    seq            INTEGER NOT NULL UNIQUE,
    state          TEXT NOT NULL CHECK (state IN ('present', 'gone')),
    source         TEXT NOT NULL,
    folder         BLOB NOT NULL,     -- where it was seen last, below the source's folder
    name           BLOB NOT NULL,
    camera         TEXT NOT NULL,
    start_ms       INTEGER NOT NULL,
    end_ms         INTEGER NOT NULL,
    size_bytes     INTEGER NOT NULL,
    container      TEXT NOT NULL,
    end_source     TEXT NOT NULL,
    confidence     TEXT NOT NULL,
    damaged        INTEGER NOT NULL,
    held           INTEGER NOT NULL DEFAULT 0,
    boot_id        TEXT NOT NULL,
    closed_mono_ms INTEGER NOT NULL,
    gone_ms        INTEGER NOT NULL DEFAULT 0,
    device         INTEGER NOT NULL,  -- the file as it was when listed
    inode          INTEGER NOT NULL,
    mtime_ns       INTEGER NOT NULL
);
CREATE INDEX recordings_by_place ON recordings (source, folder);
CREATE INDEX recordings_by_camera ON recordings (source, camera, start_ms) WHERE state = 'present';

-- What was hashed, signed, and of which state of the file.
CREATE TABLE digests (
    recording_id TEXT PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    sha256       BLOB NOT NULL,
    payload      BLOB NOT NULL,
    signature    BLOB NOT NULL,
    device       INTEGER NOT NULL,
    inode        INTEGER NOT NULL,
    size_bytes   INTEGER NOT NULL,
    mtime_ns     INTEGER NOT NULL,
    ctime_ns     INTEGER NOT NULL
);

-- Promises to keep a recording's bytes. Leases end at a count of uptime, since clocks jump.
CREATE TABLE holds (
    recording_id    TEXT PRIMARY KEY,
    ends_uptime_ms  INTEGER NOT NULL,
    inode           INTEGER NOT NULL,
    size_bytes      INTEGER NOT NULL,
    mtime_ns        INTEGER NOT NULL,
    broken          TEXT NOT NULL DEFAULT ''  -- why the held bytes are not what they were
);
