// What central says, kept fresh: news come by server-sent events and carry no data, so each
// piece of news means fetching again what it is about, never more often than every half second.

const API = "/api/v1";
const GAP_MS = 500;
const PATIENCE_MS = 10_000;
const CHECK_MS = 30_000;

export const PATHS = {
  status: `${API}/status`,
  sites: `${API}/sites`,
  requests: `${API}/requests?limit=200`,
  warnings: `${API}/warnings`,
  depots: `${API}/depots`,
};

const ABOUT = {
  depots: ["depots"],
  sites: ["sites", "status", "requests"],
  requests: ["requests", "sites", "status"],
  transfers: ["requests", "sites", "status"],
  warnings: ["warnings", "requests", "status"],
};

/** The JSON at a path; an Error with central's own words where there is none. */
export async function get(path) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw Object.assign(new Error("central does not answer"), { unreachable: true });
  }
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error([problem.detail ?? `central answers ${answer.status}`, problem.hint].filter(Boolean).join(". "));
}

/** `onData(name, data)`, `onError(name, error)`, `onNews()`, `onLine("live" | "lost" | "joining")`. */
export function follow({ onData, onError, onNews, onLine }) {
  const states = Object.fromEntries(
    Object.keys(PATHS).map((name) => [name, { busy: false, again: false, last: 0 }]),
  );

  let source = null;
  let retry = 0;

  async function refresh(name) {
    const state = states[name];
    if (state.busy) {
      state.again = true;
      return;
    }
    state.busy = true;
    const wait = state.last + GAP_MS - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    state.again = false;
    state.last = performance.now();
    try {
      onData(name, await get(PATHS[name]));
      if (source?.readyState === EventSource.OPEN) onLine("live");
    } catch (error) {
      if (error.unreachable) onLine("lost");
      onError(name, error);
    }
    state.busy = false;
    if (state.again) refresh(name);
  }

  const refreshAll = () => Object.keys(PATHS).forEach(refresh);

  function connect() {
    source = new EventSource(`${API}/events`);
    source.addEventListener("hello", () => {
      onLine("live");
      refreshAll();
      onNews();
    });
    for (const [topic, names] of Object.entries(ABOUT)) {
      source.addEventListener(topic, () => {
        names.forEach(refresh);
        onNews();
      });
    }
    source.onerror = () => {
      onLine("lost");
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(retry);
        retry = setTimeout(connect, 2000 + Math.random() * 2000);
      }
    };
  }

  // A hidden page listens to nothing: browsers allow six connections to a host, tabs are many.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(retry);
    source?.close();
    if (!document.hidden) connect();
  });
  // Notices a line that died without a word, and keeps a hidden page's title true.
  setInterval(() => refresh("status"), CHECK_MS);
  if (!document.hidden) connect();
  else refreshAll();
  return refresh;
}
