// Depots: what their shared link allows now, and when that changes.

import { h, held, icon, keyed } from "./dom.js";
import { rate, time } from "./format.js";

export function showDepots(body, depots) {
  if (!depots.length) {
    held(body, "empty", () => h("p", { class: "empty" }, "No depots: nothing limits the rate of any site."));
    return;
  }
  const list = held(body, "list", () => h("ul", { class: "cards" }));
  keyed(list, depots, (depot) => depot.name, render);
}

function render(depot) {
  const [shape, now] =
    depot.rate_now_bps === 0 ? ["paused", "Closed"] : ["retrieving", depot.rate_now_bps === null ? "Unlimited" : rate(depot.rate_now_bps)];
  return h(
    "li",
    { class: "card depot" },
    h("div", { class: "state" }, icon(shape), now),
    h("p", { class: "what" }, h("strong", null, depot.name), h("span", { class: "muted" }, ` ${depot.zone}`)),
    h("p", { class: "contact" }, depot.next_change ? ["until ", time(depot.next_change)] : h("span", { class: "muted" }, "always")),
    h("p", { class: "footage muted" }, depot.cap || "no timetable"),
  );
}
