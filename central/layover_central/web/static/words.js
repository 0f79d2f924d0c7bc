// How each state is said: a shape, a word and a tone. Never a colour alone.

export const REQUEST = {
  queued: { icon: "queued", word: "Queued", tone: "calm" },
  waiting: { icon: "waiting", word: "Waiting", tone: "calm" },
  retrieving: { icon: "retrieving", word: "Retrieving", tone: "work" },
  paused: { icon: "paused", word: "Paused", tone: "calm" },
  complete: { icon: "complete", word: "Complete", tone: "good" },
  partial: { icon: "partial", word: "Partial", tone: "warn" },
  lost: { icon: "lost", word: "Lost", tone: "bad" },
  "not-recorded": { icon: "none", word: "Not recorded", tone: "calm" },
  stopped: { icon: "stopped", word: "Stopped", tone: "calm" },
};

export const OPEN = new Set(["queued", "waiting", "retrieving", "paused"]);

export const FATE = {
  saved: { word: "saved", tone: "good" },
  pending: { word: "to be retrieved", tone: "work" },
  unknown: { word: "not known yet", tone: "calm" },
  lost: { word: "lost", tone: "bad" },
  damaged: { word: "damaged", tone: "bad" },
  stopped: { word: "stopped", tone: "calm" },
  "not-recorded": { word: "not recorded", tone: "calm" },
};

export const TRANSFER = {
  wanted: { icon: "queued", word: "Wanted", tone: "calm" },
  complete: REQUEST.complete,
  lost: REQUEST.lost,
  damaged: { icon: "lost", word: "Damaged", tone: "bad" },
  stopped: REQUEST.stopped,
};

export const CHANCE = {
  safe: { icon: "safe", word: "Safe", tone: "good" },
  "at-risk": { icon: "warn", word: "At risk", tone: "warn" },
  unlikely: { icon: "critical", word: "Unlikely", tone: "bad" },
  unknown: { icon: "unknown", word: "Not known", tone: "calm" },
};

export const LEVEL = {
  none: { icon: "notice", word: "Notice", tone: "calm" },
  warn: { icon: "warn", word: "May be lost", tone: "warn" },
  critical: { icon: "critical", word: "Likely lost", tone: "bad" },
};

export const PRESENCE = {
  reachable: { icon: "reach", word: "In reach", tone: "good" },
  probing: { icon: "probing", word: "Trying", tone: "work" },
  absent: { icon: "absent", word: "Away", tone: "calm" },
};

export const SITE_STATE = {
  pending: { icon: "key", word: "Not enrolled", tone: "warn" },
  revoked: { icon: "lost", word: "Revoked", tone: "bad" },
};

export const SEVERITY = {
  critical: { icon: "critical", word: "Fault", tone: "bad" },
  warning: { icon: "warn", word: "Fault", tone: "warn" },
  notice: { icon: "notice", word: "Notice", tone: "calm" },
};

export const PRIORITY = { low: "Low", high: "High", urgent: "Urgent" };
