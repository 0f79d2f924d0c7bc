-- The agent's memory. Everything but holds and digests can be rebuilt from the files.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- One row per recording ever seen. A row that changes moves to a new seq: the table in order of
-- seq is the change feed, and a reader who has everything up to N needs only what is above N.
CREATE TABLE recordings (
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL UNIQUE,
  source TEXT NOT NULL,
  camera TEXT NOT NULL,
  path BLOB NOT NULL,           -- relative to the source's folder, as the file system spells it
  path_there INTEGER NOT NULL,  -- the file is still where the recorder put it
  held INTEGER NOT NULL,        -- a hold keeps its bytes, wherever the recorder's file is
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  container TEXT NOT NULL,
  end_source TEXT NOT NULL,
  confidence TEXT NOT NULL,
  damaged INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  closed_mono_ms INTEGER NOT NULL,
  gone_ms INTEGER NOT NULL      -- 0 while it is there
) STRICT;

CREATE INDEX recordings_path ON recordings (source, path_there, path);

-- Signed digest statements, valid for exactly this state of the file.
CREATE TABLE digests (
  recording_id TEXT PRIMARY KEY REFERENCES recordings (id),
  size_bytes INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,    -- tells of bytes written behind a time that was set back
  sha256 BLOB NOT NULL,
  payload BLOB NOT NULL,
  signature BLOB NOT NULL
) STRICT;

-- Leases end at an uptime of the agent, never at a time of day.
CREATE TABLE holds (
  recording_id TEXT PRIMARY KEY REFERENCES recordings (id),
  method TEXT NOT NULL,
  until_uptime_s INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL
) STRICT;
