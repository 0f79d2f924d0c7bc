// One request opened: a strip of fates per camera, and every file with its link.

import { h, icon } from "./dom.js";
import { bytes, duration, rate, span } from "./format.js";
import { FATE, TRANSFER } from "./words.js";

const MOST_FILES = 200;

/** `known`: the request's detail, null while it loads, or `{failed}`. */
export function detail(known, act) {
  if (known === null) return [h("p", { class: "muted" }, "Loading …")];
  if (known.failed) return [h("p", { class: "tone-bad failed" }, icon("lost"), known.failed)];
  return [strips(known), legend(known), files(known, act)].filter(Boolean);
}

function strips(known) {
  const byCamera = new Map();
  for (const piece of known.pieces) {
    const name = `${piece.site} · ${piece.camera}`;
    if (!byCamera.has(name)) byCamera.set(name, []);
    byCamera.get(name).push(piece);
  }
  return h(
    "div",
    { class: "strips" },
    ...[...byCamera].map(([name, pieces]) => h("div", { class: "strip" }, h("span", { class: "strip-name" }, name), strip(name, pieces))),
  );
}

function strip(name, pieces) {
  const said = pieces.map((piece) => `${FATE[piece.fate].word} ${duration(length(piece))}`).join(", ");
  const row = h("div", { class: "strip-row", role: "img", "aria-label": `${name}: ${said}` });
  for (const piece of pieces) {
    const part = h("div", { class: `piece fate-${piece.fate}`, title: `${FATE[piece.fate].word}, ${duration(length(piece))}` });
    part.style.flexGrow = String(length(piece));
    row.append(part);
  }
  return row;
}

function length(piece) {
  return Date.parse(piece.to) - Date.parse(piece.from);
}

function legend(known) {
  const fates = [...new Set(known.pieces.map((piece) => piece.fate))];
  return h("p", { class: "fates" }, ...fates.map((fate) => h("span", { class: `fate fate-${fate}` }, FATE[fate].word)));
}

function files(known, act) {
  if (!known.transfers.length) return null;
  const shown = known.transfers.slice(0, MOST_FILES);
  const rest = known.transfers.length - shown.length;
  return h(
    "div",
    { class: "files", role: "list", "aria-label": "Files" },
    ...shown.map((transfer) => file(known, transfer, act)),
    rest > 0 && h("p", { class: "muted" }, `and ${rest} more: layover show ${known.id}`),
  );
}

function file(known, transfer, act) {
  const state = transfer.rate_bps ? { icon: "retrieving", word: rate(transfer.rate_bps), tone: "work" } : TRANSFER[transfer.state];
  const why = transfer.error || transfer.waits || (transfer.held && transfer.state === "wanted" ? "held at the site" : "");
  return h(
    "div",
    { class: "file", role: "listitem" },
    h("span", { class: `state tone-${state.tone}` }, icon(state.icon), state.word),
    h("span", { class: "file-name" }, `${transfer.site} · ${transfer.camera}`),
    transfer.start ? span(transfer.start, transfer.end) : h("span", null),
    h("span", { class: "amount" }, amount(transfer)),
    transfer.file_url
      ? h("button", { type: "button", "data-focus": `file-${transfer.id}`, onclick: () => act.view(known.id, transfer.id) }, icon("play"), "View")
      : h("span", { class: "muted" }, why),
  );
}

function amount(transfer) {
  const { size_bytes: size, verified_bytes: verified } = transfer;
  return verified === size ? bytes(size) : `${bytes(verified)} of ${bytes(size)}`;
}
