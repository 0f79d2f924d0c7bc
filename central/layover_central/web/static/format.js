// Numbers and times in words, in the viewer's zone; central's UTC stands in the title.

import { h } from "./dom.js";

const LOCALE = "en-GB";
const CLOCK = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });
const CLOCK_S = new Intl.DateTimeFormat(LOCALE, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });
const DAY_YEAR = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });

let skewMs = 0;

/** Central's clock decides what "ago" means; the viewer's may be wrong. */
export function setCentralNow(text) {
  skewMs = Date.parse(text) - Date.now();
}

export function nowMs() {
  return Date.now() + skewMs;
}

export function zoneName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function utc(text) {
  return `${new Date(text).toISOString().replace("T", " ").replace(/(\.000)?Z$/, "")} UTC`;
}

function day(date) {
  const today = new Date(nowMs());
  if (date.toDateString() === today.toDateString()) return "";
  return (date.getFullYear() === today.getFullYear() ? DAY : DAY_YEAR).format(date);
}

function clock(date) {
  return (date.getSeconds() ? CLOCK_S : CLOCK).format(date);
}

/** `10:02` today, else `Fri 20 Nov 10:02`. */
export function time(text) {
  const date = new Date(text);
  const words = [day(date), CLOCK.format(date)].filter(Boolean).join(" ");
  return h("time", { datetime: text, title: utc(text) }, words);
}

export function clockNow() {
  return CLOCK_S.format(new Date());
}

/** `Fri 20 Nov 10:02–10:15`, naming the second day only where there is one. */
export function span(from, to) {
  const [a, b] = [new Date(from), new Date(to)];
  const sameDay = a.toDateString() === b.toDateString();
  const first = [day(a) || "today", clock(a)].join(" ");
  const second = [sameDay ? "" : day(b) || "today", clock(b)].filter(Boolean).join(" ");
  return h("span", { class: "span", title: `${utc(from)} to ${utc(to)}` }, `${first} – ${second}`);
}

export function duration(ms) {
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (s < 600 && s % 60) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** How long ago, kept true by `tick`. */
export function ago(text) {
  return h("time", { datetime: text, title: utc(text), "data-ago": true }, agoWords(text));
}

/** How long something has lasted, kept true by `tick`. */
export function since(text) {
  return h("time", { datetime: text, title: `since ${utc(text)}`, "data-since": true }, sinceWords(text));
}

function agoWords(text) {
  const ms = nowMs() - Date.parse(text);
  return ms < 10_000 ? "just now" : `${sinceWords(text)} ago`;
}

function sinceWords(text) {
  const ms = Math.max(nowMs() - Date.parse(text), 0);
  return duration(ms < 60_000 ? Math.floor(ms / 10_000) * 10_000 : Math.floor(ms / 60_000) * 60_000);
}

export function tick() {
  for (const node of document.querySelectorAll("[data-ago]")) node.textContent = agoWords(node.dateTime);
  for (const node of document.querySelectorAll("[data-since]")) node.textContent = sinceWords(node.dateTime);
}

function scaled(value, units) {
  let index = 0;
  while (value >= 999.5 && index < units.length - 1) {
    value /= 1000;
    index += 1;
  }
  const digits = index === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")}\u00a0${units[index]}`;
}

export function bytes(value) {
  return scaled(value, ["B", "kB", "MB", "GB", "TB", "PB"]);
}

export function rate(value) {
  return scaled(value, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
}

export function many(count, one, more = `${one}s`) {
  return `${count} ${count === 1 ? one : more}`;
}
