// The head of the page: figures, the state of the line to central, central's own faults.

import { h, icon, keyed } from "./dom.js";
import { ago, bytes } from "./format.js";
import { OPEN } from "./words.js";

export function showFigures(parent, status) {
  const open = [...OPEN].reduce((sum, state) => sum + status.requests[state], 0);
  const { archive, sites } = status;
  const figures = [
    ["in reach", `${sites.in_contact} / ${sites.total}`, "Sites in reach now, of all sites"],
    ["open requests", `${open}`, "Requests without a final verdict"],
    ["warnings", `${status.warnings_open}`, "Footage that may be lost", status.warnings_open ? "warn" : ""],
    ["saved", bytes(archive.size_bytes), `${archive.recordings} recordings in the archive`],
    [
      "free",
      archive.free_bytes === null ? "?" : bytes(archive.free_bytes),
      archive.free_bytes === null ? "The archive's disk does not answer" : "Space left on the archive's disk",
    ],
  ];
  parent.replaceChildren(
    ...figures.map(([name, value, title, tone]) =>
      h("div", { title, class: tone ? `tone-${tone}` : null }, h("dt", null, name), h("dd", null, value)),
    ),
  );
}

const LINE = {
  joining: ["probing", "Connecting"],
  live: ["reach", "Live"],
  lost: ["lost", "Connection lost"],
};

export function showLine(line, banner, state, updated) {
  if (line.dataset.line !== state || !line.childElementCount) {
    line.dataset.line = state;
    line.replaceChildren(icon(LINE[state][0]), LINE[state][1]);
  }
  banner.hidden = state !== "lost";
  if (state === "lost" && !banner.childElementCount) {
    const age = updated ? `What you see was last updated at ${updated}.` : "Nothing could be loaded yet.";
    banner.replaceChildren(
      icon("lost"),
      h("span", null, h("strong", null, "Connection to central lost."), ` ${age} Trying again by itself.`),
    );
  }
  if (state !== "lost") banner.replaceChildren();
  document.body.classList.toggle("stale", state === "lost");
}

export function showFaults(parent, faults) {
  keyed(parent, faults, (fault) => fault.code, (fault) =>
    h(
      "div",
      { class: "banner" },
      icon("critical"),
      h("span", null, h("strong", null, fault.text), " ", fault.remedy, " ", h("span", { class: "muted" }, "since ", ago(fault.since))),
    ),
  );
}
