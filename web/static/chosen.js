// What is asked: kept in the address, so that a reload or a link shows the same.

import { serverNow } from "./contact.js";
import { $, DAY_MS, MINUTE_MS } from "./kit.js";

const midnight = (now) => Math.floor(now / DAY_MS) * DAY_MS;
const nextMinute = (now) => (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;

// `active` is the figure of /v1/metrics/users that covers the range.
export const RANGES = {
  today: {
    bounds: (now) => [midnight(now), midnight(now) + DAY_MS],
    granularity: "hourly", active: "dau", words: "today (UTC)", wider: "week",
  },
  day: {
    bounds: (now) => [nextMinute(now) - DAY_MS, nextMinute(now)],
    granularity: "hourly", active: "dau", words: "in the last 24 hours", wider: "week",
  },
  week: {
    bounds: (now) => [midnight(now) - 6 * DAY_MS, midnight(now) + DAY_MS],
    granularity: "daily", active: "wau", words: "in the last 7 days", wider: "month",
  },
  month: {
    bounds: (now) => [midnight(now) - 29 * DAY_MS, midnight(now) + DAY_MS],
    granularity: "daily", active: "mau", words: "in the last 30 days", wider: null,
  },
};

export const chosen = { range: "day", city: "" };

export function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  chosen.range = Object.hasOwn(RANGES, given.get("range")) ? given.get("range") : "day";
  chosen.city = (given.get("city") ?? "").slice(0, 200);
  // An address that asks for what there is not is put right, so that a copied link says what is shown.
  if (location.hash) writeAddress();
  document.querySelector(`input[name="range"][value="${chosen.range}"]`).checked = true;
  $("city").value = chosen.city;
}

export function writeAddress() {
  const address = new URLSearchParams({ range: chosen.range });
  if (chosen.city) address.set("city", chosen.city);
  if (location.hash !== `#${address}`) history.replaceState(null, "", `#${address}`);
}

export function metricsUrl(name, more = {}) {
  return `/v1/metrics/${name}?${inRange({ granularity: RANGES[chosen.range].granularity, ...more })}`;
}

export function inRange(more = {}) {
  const [start, end] = RANGES[chosen.range].bounds(serverNow());
  return inCity({ start_date: new Date(start).toISOString(), end_date: new Date(end).toISOString(), ...more });
}

// What the range that is chosen covers: days are those of UTC, and not the last so many hours.
export function spanInWords() {
  const [start] = RANGES[chosen.range].bounds(serverNow());
  const face = RANGES[chosen.range].granularity === "hourly" ? hourFace : dayFace;
  return `from ${face.format(start)} UTC to now`;
}

const dayFace = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const hourFace = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC",
});

export function inCity(more = {}) {
  return new URLSearchParams(chosen.city ? { ...more, city: chosen.city } : more);
}
