// Requests: where each stands, how far it is, why it waits, and what it looks like for the rest.

import { h, held, icon, keyed } from "./dom.js";
import { bytes, duration, many, span, time } from "./format.js";
import { detail } from "./detail.js";
import { CHANCE, FATE, OPEN, PRIORITY, REQUEST } from "./words.js";

const RISK = { unlikely: 0, "at-risk": 1, unknown: 2, safe: 3 };

/** `opened`: id → detail, null while it loads, or an Error; `act`: toggle(id), view(id, file). */
export function showRequests(body, requests, filtered, opened, act) {
  if (!requests.length) {
    held(body, filtered ? "none" : "empty", () => (filtered ? nothing() : empty()));
    return;
  }
  const ordered = [...requests].sort((a, b) => rank(a) - rank(b) || b.id - a.id);
  const items = ordered.map((request) => ({
    ...request,
    isOpen: opened.has(request.id),
    detail: detailOf(opened, request.id),
  }));
  const list = held(body, "list", () => h("ul", { class: "cards" }));
  keyed(list, items, (item) => item.id, (item) => render(item, act));
}

function detailOf(opened, id) {
  const known = opened.get(id);
  return known instanceof Error ? { failed: known.message } : (known ?? null);
}

function rank(request) {
  if (!OPEN.has(request.state)) return 10;
  return Math.min(...request.outlook.map((outlook) => RISK[outlook.chance]), 4);
}

function empty() {
  return h(
    "div",
    { class: "empty" },
    h("p", null, "Nothing has been asked for yet. Ask for footage at a terminal; the bus need not be in reach:"),
    h("code", null, "layover request bus-217 --camera front --from 10:00 --to +15m"),
  );
}

function nothing() {
  return h("p", { class: "empty" }, "No request matches the filter.");
}

function render(request, act) {
  const state = REQUEST[request.state];
  const lengthMs = Date.parse(request.to) - Date.parse(request.from);
  return h(
    "li",
    { class: `card request tone-${state.tone}` },
    h("div", { class: "state" }, icon(state.icon), state.word),
    h(
      "div",
      { class: "what" },
      h("p", null, h("strong", null, sites(request)), " ", h("span", { class: "cameras" }, cameras(request))),
      h("p", { class: "when" }, span(request.from, request.to), ` · ${duration(lengthMs)}`),
    ),
    h("div", { class: "far" }, ...progress(request)),
    h("div", { class: "acts" }, ...acts(request, act)),
    h("div", { class: "notes" }, ...notes(request)),
    request.isOpen && h("div", { class: "detail", id: `detail-${request.id}` }, ...detail(request.detail, act)),
  );
}

function sites(request) {
  const labels = [...new Set(request.cameras.map((camera) => camera.site))];
  return labels.length > 4 ? `${labels.slice(0, 3).join(", ")} and ${labels.length - 3} more sites` : labels.join(", ");
}

function cameras(request) {
  const names = [...new Set(request.cameras.map((camera) => camera.camera))];
  return names.length > 4 ? many(names.length, "camera") : names.join(", ");
}

function progress(request) {
  const { wanted, verified } = request.bytes;
  const share = wanted ? Math.floor((verified / wanted) * 1000) / 10 : 0;
  const bar = h("div", {
    class: "bar",
    role: "progressbar",
    "aria-label": "Verified bytes",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": share,
  });
  const filled = h("div", null);
  filled.style.width = `${share}%`;
  bar.append(filled);
  if (!wanted) return [h("p", { class: "muted" }, request.state === "not-recorded" ? "no footage" : "no recording known yet")];
  const files = `${request.transfers_done} of ${many(request.transfers_total, "file")}`;
  const amount = verified === wanted ? bytes(wanted) : `${bytes(verified)} of ${bytes(wanted)}`;
  return [bar, h("p", { class: "figures-small" }, h("span", null, amount), h("span", null, files))];
}

function acts(request, act) {
  return [
    request.transfers_done > 0 &&
      h("button", { type: "button", "data-focus": `view-${request.id}`, onclick: () => act.view(request.id) }, icon("play"), "View"),
    h(
      "button",
      {
        type: "button",
        class: request.isOpen ? "quiet turned" : "quiet",
        "data-focus": `open-${request.id}`,
        "aria-expanded": String(request.isOpen),
        "aria-controls": `detail-${request.id}`,
        onclick: () => act.toggle(request.id),
      },
      icon("open"),
      h("span", { class: "hidden" }, `Details of request ${request.id}`),
    ),
  ].filter(Boolean);
}

function notes(request) {
  const found = [];
  if (request.why) found.push(h("p", null, h("span", { class: "muted" }, "Why: "), request.why));
  for (const outlook of request.outlook.slice(0, 3)) found.push(outlookLine(outlook, request));
  if (request.outlook.length > 3) found.push(h("p", { class: "muted" }, `and ${request.outlook.length - 3} more sites`));
  const fates = Object.entries(request.tally_ms).filter(([, ms]) => ms > 0);
  if (fates.length > 1 || ["partial", "lost"].includes(request.state)) {
    found.push(h("p", { class: "fates" }, ...fates.map(([fate, ms]) => h("span", { class: `fate fate-${fate}` }, `${duration(ms)} ${FATE[fate].word}`))));
  }
  found.push(
    h(
      "p",
      { class: "facts" },
      PRIORITY[request.priority] && h("span", { class: `priority priority-${request.priority}` }, PRIORITY[request.priority]),
      h("span", null, `#${request.id}`),
      request.case && h("span", null, `case ${request.case}`),
      request.reason && h("span", null, request.reason),
      request.needed_by && h("span", null, "needed by ", time(request.needed_by)),
      h("span", null, "asked ", time(request.asked_at)),
    ),
  );
  return found;
}

function outlookLine(outlook, request) {
  const chance = CHANCE[outlook.chance];
  const several = new Set(request.cameras.map((camera) => camera.site)).size > 1;
  return h(
    "p",
    { class: `outlook tone-${chance.tone}` },
    icon(chance.icon),
    h("span", null, h("strong", null, several ? `${outlook.site}: ${chance.word}` : chance.word), ` · ${outlook.why}`, outlook.remedy && `. What helps: ${outlook.remedy}`),
  );
}
