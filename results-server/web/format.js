// Numbers in words, as the reports have them: a MB is 2^20 bytes.
const NS = 1e9;

function short(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2);
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size < 1024) return value.toFixed(0) + " B";
  if (size < 1 << 20) return short(value / 1024) + " KB";
  if (size < 2 ** 30) return short(value / (1 << 20)) + " MB";
  return short(value / 2 ** 30) + " GB";
}

export const rise = (value) => (value > 0 ? "+" : "") + bytes(value);

export function count(value) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) < 1e6) return Math.round(value).toLocaleString("en");
  return short(value / 1e6) + " M";
}

export const perSecond = (value) => (value !== null && Math.abs(value) < 10 && value % 1 ? short(value) : count(value)) + "/s";

export function duration(ns) {
  if (ns === null || ns === undefined) return "–";
  const s = Math.abs(ns) / NS, sign = ns < 0 ? "-" : "";
  if (s < 1e-3) return sign + short(s * 1e6) + " µs";
  if (s < 1) return sign + short(s * 1e3) + " ms";
  if (s < 120) return sign + (s < 10 ? s.toFixed(1) : s.toFixed(0)) + " s";
  if (s < 7200) return sign + (s / 60).toFixed(0) + " min";
  return sign + (s / 3600).toFixed(1) + " h";
}

// On the axis: 90 s, 12:30, 3:05:00.
export function clock(s) {
  if (s < 120) return Math.round(s * 10) / 10 + " s";
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const rest = two((s / 60) % 60) + ":" + two(s % 60);
  return s < 3600 ? rest.replace(/^0/, "") : Math.floor(s / 3600) + ":" + rest;
}

export function when(wallNs) {
  const date = new Date(wallNs / 1e6), today = new Date();
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === today.toDateString()) return "today " + time;
  return date.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" }) + " " + time;
}

export const plural = (n, one, many) => count(n) + " " + (n === 1 ? one : many ?? one + "s");
