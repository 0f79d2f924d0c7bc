// Warnings: what may be overwritten before it can be saved, when, and what to do about it.

import { h, held, icon, keyed } from "./dom.js";
import { ago, time } from "./format.js";
import { LEVEL } from "./words.js";

export function showWarnings(body, warnings) {
  if (!warnings.length) {
    const calm = "Nothing is predicted to be overwritten before it can be saved.";
    held(body, "empty", () => h("p", { class: "empty" }, icon("safe"), calm));
    return;
  }
  const worstFirst = [...warnings].sort(
    (a, b) =>
      (b.level === "critical") - (a.level === "critical") ||
      Date.parse(a.expires_early ?? a.raised_at) - Date.parse(b.expires_early ?? b.raised_at),
  );
  const list = held(body, "list", () => h("ul", { class: "cards" }));
  keyed(list, worstFirst, (warning) => warning.id, render);
}

function render(warning) {
  const level = LEVEL[warning.level];
  return h(
    "li",
    { class: `card warning tone-${level.tone}` },
    h("div", { class: "state" }, icon(level.icon), level.word),
    h(
      "div",
      { class: "said" },
      h("p", null, h("strong", null, warning.site), ` · request #${warning.request} · ${warning.why}.`),
      warning.remedy && h("p", { class: "remedy" }, "What helps: ", warning.remedy, "."),
    ),
    h(
      "p",
      { class: "facts" },
      warning.expires_early &&
        h("span", null, "overwritten from ", time(warning.expires_early), ", likely ", time(warning.expires_likely)),
      h("span", null, warning.expected ? ["expected ", time(warning.expected)] : "nobody said when it comes"),
      h("span", null, "raised ", ago(warning.raised_at)),
    ),
  );
}
