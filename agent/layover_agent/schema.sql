-- The agent's memory. The recordings can be rebuilt from the files; the rest was learned
-- or promised over time.

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
  locked INTEGER NOT NULL,      -- the recorder itself keeps it out of its ring
  kind TEXT NOT NULL,           -- what the recorder calls it (event, parking); '' for the ordinary
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  container TEXT NOT NULL,
  start_source TEXT NOT NULL,
  end_source TEXT NOT NULL,
  confidence TEXT NOT NULL,
  damaged INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  closed_mono_ms INTEGER NOT NULL,
  gone_ms INTEGER NOT NULL,     -- 0 while it is there
  hashed INTEGER NOT NULL DEFAULT 0  -- its digests are below
) STRICT;

CREATE INDEX recordings_path ON recordings (source, path_there, path);
CREATE INDEX recordings_age ON recordings (source, camera, start_ms) WHERE path_there = 1;
CREATE INDEX recordings_unhashed ON recordings (start_ms) WHERE hashed = 0 AND path_there = 1;
CREATE INDEX recordings_gone ON recordings (seq) WHERE path_there = 0 AND held = 0;

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
  method TEXT NOT NULL,             -- reflink | link | protect | copy
  until_uptime_s INTEGER NOT NULL,  -- the lease on this recording itself; 0: only spans want it
  size_bytes INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  sha256 BLOB,                      -- what was promised; NULL: not hashed yet
  alone INTEGER NOT NULL DEFAULT 0, -- only the hold still keeps these bytes
  broken_ms INTEGER NOT NULL DEFAULT 0, -- since when it is not what was promised; 0: it is
  broken_why TEXT NOT NULL DEFAULT ''
) STRICT;

-- "Keep these cameras from then to then": for what is there, and for files as they close.
CREATE TABLE span_holds (
  id TEXT PRIMARY KEY,              -- given by who asked
  origin TEXT NOT NULL,             -- central | trigger
  cameras TEXT NOT NULL,            -- JSON list; []: all that are shared
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  until_uptime_s INTEGER NOT NULL,
  asked_ms INTEGER NOT NULL,
  asked_uptime_s INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;

-- What a span hold found. A recording released once is not held by the same span again.
CREATE TABLE span_recordings (
  span_id TEXT NOT NULL REFERENCES span_holds (id),
  recording_id TEXT NOT NULL,
  state TEXT NOT NULL,              -- held | refused | released
  reason TEXT NOT NULL,
  PRIMARY KEY (span_id, recording_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX span_recordings_of ON span_recordings (recording_id);

-- What the recorder deleted, as seen from outside: the last 2,000, sampled per look and camera
-- (oldest and youngest), so that one great sweep does not push out all that was learned before.
CREATE TABLE deletions (
  number INTEGER PRIMARY KEY,   -- in order of observation
  source TEXT NOT NULL,
  camera TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL,
  mtime_ms INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  locked INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,       -- gone between this look
  missed_ms INTEGER NOT NULL,     -- and this one
  older_kept INTEGER NOT NULL,    -- unlocked ones of the source that ended before it began, still there
  camera_older_kept INTEGER NOT NULL,
  locked_older_kept INTEGER NOT NULL,
  source_before_bytes INTEGER NOT NULL,  -- of unlocked recordings, at the look before
  source_after_bytes INTEGER NOT NULL,
  source_added_bytes INTEGER NOT NULL,   -- closed in between
  camera_before_bytes INTEGER NOT NULL,
  camera_after_bytes INTEGER NOT NULL,
  camera_added_bytes INTEGER NOT NULL,
  free_before_bytes INTEGER,      -- NULL: could not be read
  free_after_bytes INTEGER
) STRICT;

-- How a camera records: bytes per hour of the week, and how often recordings close.
CREATE TABLE rhythms (
  source TEXT NOT NULL,
  camera TEXT NOT NULL,
  fill BLOB NOT NULL,
  rhythm BLOB NOT NULL,
  PRIMARY KEY (source, camera)
) STRICT, WITHOUT ROWID;

-- Jumps of the wall clock, told by the monotonic one: the last 500.
CREATE TABLE clock_steps (
  number INTEGER PRIMARY KEY,
  boot_id TEXT NOT NULL,
  mono_ms INTEGER NOT NULL,       -- when it was noticed, in that boot
  before_ms INTEGER NOT NULL,     -- what the wall clock would have said then
  after_ms INTEGER NOT NULL,      -- what it said
  kind TEXT NOT NULL              -- step | unset (a boot without a clock) | back (earlier than the last boot)
) STRICT;

-- Faults that are there now, and since when: kept over restarts.
CREATE TABLE faults (
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  since_uptime_s INTEGER NOT NULL,  -- of the agent over all its runs: true even if the clock is not
  last_ms INTEGER NOT NULL,
  PRIMARY KEY (code, subject)
) STRICT, WITHOUT ROWID;
