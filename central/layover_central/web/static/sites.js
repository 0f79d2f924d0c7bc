// Sites: who is in reach, since when, what each has, and what is wrong with it.

import { h, held, icon, keyed } from "./dom.js";
import { ago, bytes, duration, many, rate, since, time } from "./format.js";
import { PRESENCE, SEVERITY, SITE_STATE } from "./words.js";

const ORDER = { reachable: 0, probing: 1, absent: 2 };
const BY_NUMBER = new Intl.Collator("en", { numeric: true });

export function showSites(body, sites, filtered) {
  if (!sites.length) {
    held(body, filtered ? "none" : "empty", () => (filtered ? nothing() : empty()));
    return;
  }
  const ordered = [...sites].sort(
    (a, b) => ORDER[a.presence] - ORDER[b.presence] || BY_NUMBER.compare(a.label, b.label),
  );
  const list = held(body, "list", () => h("ul", { class: "cards" }));
  keyed(list, ordered, (site) => site.label, render);
}

function empty() {
  return h(
    "div",
    { class: "empty" },
    h("p", null, "No sites yet. Add one at a terminal, then enrol its box:"),
    h("code", null, "layover site add bus-217 --address 10.20.0.17"),
  );
}

function nothing() {
  return h("p", { class: "empty" }, "No site matches the filter.");
}

function render(site) {
  const state = SITE_STATE[site.state] ?? PRESENCE[site.presence];
  return h(
    "li",
    { class: `card site tone-${state.tone}` },
    h("div", { class: "state" }, icon(state.icon), state.word),
    h("p", { class: "what" }, h("strong", null, site.label), site.depot && h("span", { class: "muted" }, ` ${site.depot}`)),
    h("p", { class: "contact" }, ...contact(site)),
    h("p", { class: "footage", title: camerasSaid(site) }, ...footage(site)),
    h("p", { class: "queue" }, site.queue.transfers ? `${many(site.queue.transfers, "file")} wanted, ${bytes(site.queue.bytes)}` : h("span", { class: "muted" }, "nothing wanted")),
    troubles(site),
  );
}

function contact(site) {
  if (site.state === "pending") return [h("span", { class: "muted" }, "its box has no certificate yet")];
  const found = [];
  if (site.presence === "reachable") found.push("for ", since(site.presence_since));
  else if (site.last_seen) found.push("last seen ", ago(site.last_seen));
  else found.push(h("span", { class: "muted" }, "never seen"));
  if (site.link_bps) found.push(` · ${rate(site.link_bps)}`);
  if (site.expected && site.presence !== "reachable") found.push(" · expected ", time(site.expected));
  return found;
}

function footage(site) {
  if (!site.cameras.length) return [h("span", { class: "muted" }, "no footage known")];
  const size = site.cameras.reduce((sum, camera) => sum + camera.size_bytes, 0);
  const first = site.cameras.map((camera) => camera.first_start).sort()[0];
  return [`${many(site.cameras.length, "camera")}, ${bytes(size)}, back to `, time(first)];
}

function camerasSaid(site) {
  return site.cameras.map((camera) => `${camera.name}: ${many(camera.recordings, "recording")}, ${bytes(camera.size_bytes)}`).join("\n");
}

const CLOCK_TOLERANCE_MS = 2000;

function troubles(site) {
  const found = site.faults.map((fault) => ({ ...(SEVERITY[fault.severity] ?? SEVERITY.notice), text: fault.text, remedy: fault.remedy }));
  if (site.offset_ms !== null && Math.abs(site.offset_ms) > CLOCK_TOLERANCE_MS) {
    const way = site.offset_ms > 0 ? "behind" : "ahead";
    found.push({ ...SEVERITY.notice, text: `Its clock is ${duration(Math.abs(site.offset_ms))} ${way}; times here are corrected.`, remedy: "" });
  }
  if (!found.length) return null;
  return h(
    "ul",
    { class: "troubles" },
    ...found.map((trouble) =>
      h("li", { class: `tone-${trouble.tone}` }, icon(trouble.icon), h("span", null, trouble.text, trouble.remedy && h("span", { class: "remedy" }, ` ${trouble.remedy}`))),
    ),
  );
}
