// The page: what is known is kept here, shown by one module per noun, and refreshed by news.

import { h, held, icon } from "./dom.js";
import { clockNow, setCentralNow, tick, zoneName } from "./format.js";
import { follow, get } from "./live.js";
import { player } from "./player.js";
import { showDepots } from "./depots.js";
import { showRequests } from "./requests.js";
import { showSites } from "./sites.js";
import { showFaults, showFigures, showLine } from "./summary.js";
import { showWarnings } from "./warnings.js";
import { OPEN } from "./words.js";

const byId = (id) => document.getElementById(id);
const known = {};
const failed = {};
const opened = new Map();
const play = player(byId("player"));
let updated = "";
let filter = "";
let looking = 0;

const act = {
  toggle(id) {
    if (opened.delete(id)) show("requests");
    else look(id);
  },
  async view(id, transferId) {
    const found = await get(`/api/v1/requests/${id}`).catch((error) => error);
    if (found instanceof Error) {
      opened.set(id, found);
      show("requests");
      return;
    }
    const files = found.transfers
      .filter((transfer) => transfer.file_url)
      .sort((a, b) => `${a.site} ${a.camera} ${a.start}`.localeCompare(`${b.site} ${b.camera} ${b.start}`));
    const index = Math.max(files.findIndex((transfer) => transfer.id === transferId), 0);
    if (files.length) play(files, index);
  },
};

async function look(id) {
  if (!opened.has(id)) opened.set(id, null);
  show("requests");
  const found = await get(`/api/v1/requests/${id}`).catch((error) => error);
  if (!opened.has(id)) return;
  opened.set(id, found);
  show("requests");
}

const matches = (...texts) => !filter || texts.some((text) => text?.toLowerCase().includes(filter));

const SHOW = {
  status(status) {
    setCentralNow(status.now);
    showFigures(byId("figures"), status);
    showFaults(byId("faults"), status.faults);
    document.title = status.warnings_open ? `(${status.warnings_open}) Layover` : "Layover";
  },
  warnings(warnings, body) {
    const found = warnings.filter((w) => matches(w.site, w.why, `#${w.request}`));
    showWarnings(body, found);
    return warnings.length;
  },
  requests(requests, body) {
    const found = requests.filter((r) =>
      matches(`#${r.id}`, r.case, r.reason, r.state, ...r.cameras.flatMap((c) => [c.site, c.camera])),
    );
    showRequests(body, found, requests.length > 0, opened, act);
    const open = requests.filter((r) => OPEN.has(r.state)).length;
    return `${open} open, ${requests.length - open} ended`;
  },
  sites(sites, body) {
    const found = sites.filter((s) => matches(s.label, s.depot, ...s.cameras.map((c) => c.name)));
    showSites(body, found, sites.length > 0);
    return sites.length;
  },
  depots(depots, body) {
    showDepots(body, depots);
    return depots.length;
  },
};

function show(name) {
  const section = byId(name);
  const body = section?.querySelector(".body");
  if (!(name in known)) {
    if (body) held(body, "joining", () => (failed[name] ? broken(name) : h("p", { class: "empty" }, "Loading …")));
    return;
  }
  const count = SHOW[name](known[name], body);
  if (section) section.querySelector(".count").textContent = known[name].length ? count : "";
}

function broken(name) {
  return h(
    "div",
    { class: "empty tone-bad" },
    h("p", null, icon("lost"), ` This could not be loaded: ${failed[name].message}.`),
    h("button", { type: "button", onclick: () => refresh(name) }, "Try again"),
  );
}

function line(state) {
  showLine(byId("line"), byId("lost"), state, updated);
}

line("joining");
for (const name of ["warnings", "requests", "sites", "depots"]) show(name);
byId("zone").textContent = `Times in ${zoneName()}; point at one for UTC`;
byId("filter").addEventListener("input", (event) => {
  filter = event.target.value.trim().toLowerCase();
  for (const name of ["warnings", "requests", "sites"]) show(name);
});
setInterval(tick, 10_000);

const refresh = follow({
  onLine: line,
  onNews() {
    looking ||= setTimeout(() => {
      looking = 0;
      [...opened.keys()].forEach(look);
    }, 500);
  },
  onData(name, data) {
    known[name] = data;
    delete failed[name];
    updated = clockNow();
    show(name);
  },
  onError(name, error) {
    failed[name] = error;
    if (name in known) return;
    byId(name)?.querySelector(".body").replaceChildren();
    show(name);
  },
});
