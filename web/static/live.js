// What is so now: tiles with the last hour behind them, the hour minute by minute.

import { $, clock, draw, finite, FORMATS, isolated, make, MINUTE_MS, rem, showFigures, whole } from "./kit.js";
import { chosen } from "./chosen.js";
import { answers } from "./asking.js";
import { trace } from "./lines.js";

const RATE_SAMPLES = 90;

export function showNow(found) {
  answers.now = found;
  rates.push(found.events_per_second);
  if (rates.length > RATE_SAMPLES) rates.shift();
  trace(tile("rate"), rates);
  $("now-state").textContent = found.reasons.join("; ");
  showTiles();
}

const rates = [];
const tile = (name) => document.querySelector(`[data-trace="${name}"]`);

// Of one city other answers are needed than of all of them.
export function showTiles() {
  const here = chosen.city ? answers.cities && hereOf(answers.cities) : answers.now;
  for (const element of document.querySelectorAll("[data-everywhere]")) element.hidden = chosen.city !== "";
  $("h-now").textContent = chosen.city ? `Now, in ${isolated(chosen.city)}` : "Now, in every city";
  if (here) showFigures("now", here);
}

const NOTHING = {
  active_drivers: 0, active_trips: 0, bookings_last_hour: 0, revenue_last_hour: "0.00", avg_wait_time_minutes: 0,
};
export const hereOf = (found) => found.cities.find((city) => city.city === chosen.city) ?? NOTHING;

export function showActive(found) {
  answers.active = found;
  const words = (name) => found.windows.filter((one) => one.minutes !== 5)
    .map((one) => `${whole.format(one.minutes)}\u00A0min\u00A0${whole.format(one[name])}`).join(" · ");
  $("active-users").textContent = words("active_users");
  $("active-drivers").textContent = words("active_drivers");
}

const sum = (minutes, name) => minutes.reduce((total, minute) => total + finite(minute[name]), 0);

export function showMinutes(found) {
  answers.minutes = found;
  const { minutes } = found;
  for (const name of ["trips_started", "bookings_created", "bookings_cancelled", "payments_failed", "revenue"]) {
    trace(tile(name), minutes.map((minute) => minute[name]));
  }
  const failed = sum(minutes, "payments_failed");
  const paid = failed + sum(minutes, "payments_success");
  showFigures("hour", {
    bookings_cancelled: sum(minutes, "bookings_cancelled"),
    payments_failed: failed,
    failed_share: paid ? (100 * failed) / paid : 0,
  });
  drawMinutes();
}

// What is unusual: said above all, and marked where it was

const NAMES = {
  trips_started: "Trips started",
  trips_completed: "Trips completed",
  bookings_created: "Bookings created",
  bookings_cancelled: "Bookings cancelled",
  revenue: "Confirmed value",
  payments_success: "Payments that succeeded",
  payments_failed: "Payments that failed",
};

// A series of a newer worker is called as it calls it.
const nameOf = (series) => (Object.hasOwn(NAMES, series) ? NAMES[series] : series);

export function showAnomalies(found) {
  answers.anomalies = found;
  const lines = found.anomalies.map((one) => {
    const as = (value) => (one.series === "revenue" ? FORMATS.money(value) : whole.format(value));
    return `${nameOf(one.series)}: ${as(one.observed)} where ${as(one.expected)} are usual, ` +
      `${clock(one.start)} to ${clock(one.end)} UTC`;
  });
  $("alerts").hidden = lines.length === 0;
  // Only what changes is touched, so that what was spoken is not spoken again.
  if (lines.join() !== [...$("alert-list").children].map((item) => item.textContent).join()) {
    $("alert-list").replaceChildren(...found.anomalies.map((one, place) =>
      make("li", { className: one.direction, textContent: lines[place] })));
  }
  $("watch-state").textContent = found.why_not ? `Nothing is judged yet: ${found.why_not}` : "";
  drawMinutes();
}

// The hour: bars of trips, a line of money. The minute under way is still growing.

let pointed = null;

export function drawMinutes() {
  const figure = $("minutes");
  const minutes = answers.minutes?.minutes;
  const { clientWidth: width, clientHeight: height } = figure;
  if (!minutes?.length || !width) return;
  const quiet = sum(minutes, "trips_started") === 0 && minutes.every((minute) => finite(minute.revenue) === 0);
  $("minutes-none").hidden = !quiet;
  const mostTrips = Math.max(4, ...minutes.map((minute) => finite(minute.trips_started)));
  const mostMoney = Math.max(1, ...minutes.map((minute) => finite(minute.revenue)));
  const [left, right, top, bottom] = [6, 6, rem(1.5), rem(1.3)];
  const step = (width - left - right) / minutes.length;
  const tall = height - top - bottom;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": minutesInWords(minutes) });
  const floor = height - bottom + 0.5;
  svg.append(draw("line", { class: "floor", x1: left, x2: width - right, y1: floor, y2: floor }));
  // Of a city nothing is judged: what is usual there is not known.
  for (const one of chosen.city ? [] : (answers.anomalies?.anomalies ?? [])) {
    const first = Date.parse(minutes[0].timestamp);
    const [from, to] = [one.start, one.end].map((moment) => (Date.parse(moment) - first) / MINUTE_MS);
    if (!Number.isFinite(to - from)) continue;
    const [x, end] = [from, to].map((place) => left + Math.min(minutes.length, Math.max(0, place)) * step);
    const mark = draw("rect", { class: "odd", x, width: Math.max(0, end - x), y: top, height: tall });
    mark.append(draw("title", {}));
    mark.firstChild.textContent = `${nameOf(one.series)}: ${one.direction}`;
    svg.append(mark);
  }
  const line = [];
  minutes.forEach((minute, at) => {
    const x = left + at * step;
    const part = (Math.max(0, finite(minute.trips_started)) / mostTrips) * tall;
    const isLast = at === minutes.length - 1;
    svg.append(
      draw("rect", {
        class: isLast ? "minute growing" : "minute", x: x + step * 0.14, width: Math.max(1, step * 0.72),
        y: height - bottom - part, height: part, rx: Math.min(2, step * 0.2),
      }),
    );
    const high = (Math.max(0, finite(minute.revenue)) / mostMoney) * tall;
    line.push(`${(x + step / 2).toFixed(1)},${(height - bottom - high).toFixed(1)}`);
    if (new Date(minute.timestamp).getUTCMinutes() % 15 === 0) {
      // Those at the ends would be cut off.
      const anchor = at < 2 ? "start" : at > minutes.length - 3 ? "end" : "middle";
      const label = draw("text", { class: "tick", x: x + step / 2, y: height - rem(0.25), "text-anchor": anchor });
      label.textContent = clock(minute.timestamp);
      svg.append(label);
    }
  });
  svg.append(draw("polyline", { class: "money-line", points: line.join(" ") }));
  const scale = draw("text", { class: "tick", x: left, y: rem(0.8) });
  scale.textContent = `up to ${whole.format(mostTrips)} trips`;
  const money = draw("text", { class: "tick", x: width - right, y: rem(0.8), "text-anchor": "end" });
  money.textContent = `up to ${FORMATS.money(mostMoney)}`;
  svg.append(scale, money);
  if (pointed !== null) {
    const x = left + (pointed + 0.5) * step;
    svg.append(draw("line", { class: "pointer", x1: x, x2: x, y1: top - 4, y2: height - bottom }));
  }
  figure.querySelector("svg")?.remove();
  figure.prepend(svg);
  readMinute(minutes);
}

function minutesInWords(minutes) {
  const trips = whole.format(sum(minutes, "trips_started"));
  const money = minutes.reduce((total, minute) => total + finite(minute.revenue), 0);
  return `The last hour by minute: ${trips} trips started, ${FORMATS.money(money)} confirmed`;
}

function readMinute(minutes) {
  const minute = pointed === null ? null : minutes[pointed];
  $("minute").textContent = minute
    ? `${clock(minute.timestamp)} UTC: ${whole.format(minute.trips_started)} trips, ${FORMATS.money(minute.revenue)}, ` +
      `${whole.format(minute.bookings_created)} bookings, ${whole.format(minute.payments_failed)} payments failed`
    : "";
}

export function watchMinutes() {
  const figure = $("minutes");
  const point = (place, spoken = false) => {
    // What the pointer is on is for the eye: it must not be read out at every move.
    $("minute").ariaLive = spoken ? "polite" : "off";
    pointed = place === null ? null : Math.min(59, Math.max(0, place));
    drawMinutes();
  };
  figure.addEventListener("pointermove", (event) => {
    const box = figure.getBoundingClientRect();
    point(Math.floor(((event.clientX - box.left - 6) / (box.width - 12)) * 60));
  });
  figure.addEventListener("pointerleave", () => point(null));
  figure.addEventListener("focus", () => point(pointed ?? 59, true));
  figure.addEventListener("blur", () => point(null));
  figure.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: pointed - 1, ArrowRight: pointed + 1, Home: 0, End: 59 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    point(to, true);
  });
  new ResizeObserver(drawMinutes).observe(figure);
}
