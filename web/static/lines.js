// Lines of figures over time.

import { clock, draw, fine, finite, whole } from "./kit.js";
import { RANGES, chosen } from "./chosen.js";

const series = new Map();

function places(points, width, height) {
  const top = Math.max(1, ...points.map((point) => point.value));
  const step = points.length > 1 ? (width - 8) / (points.length - 1) : 0;
  return points.map((point, at) => [4 + at * step, height - 3 - (point.value / top) * (height - 28)]);
}

export function spark(figure, points) {
  points = points.map((point) => ({ ...point, value: finite(point.value) }));
  series.set(figure, points);
  const { clientWidth: width, clientHeight: height } = figure;
  if (!width || !points.length) {
    figure.replaceChildren();
    return;
  }
  const at = places(points, width, height);
  const line = at.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const [lastX, lastY] = at.at(-1);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": inWords(figure, points) });
  svg.append(
    draw("line", { class: "floor", x1: 4, x2: width - 4, y1: height - 2.5, y2: height - 2.5 }),
    draw("polygon", { class: "area", points: `4,${height - 3} ${line} ${lastX.toFixed(1)},${height - 3}` }),
    draw("polyline", { class: "trace", points: line }),
    draw("circle", { class: "tip", cx: lastX, cy: lastY, r: 4.5 }),
  );
  figure.querySelector("svg")?.remove();
  figure.prepend(svg);
  caption(figure, points);
}

function caption(figure, points) {
  const text = figure.querySelector("figcaption") ?? figure.appendChild(document.createElement("figcaption"));
  const highest = Math.max(...points.map((point) => point.value));
  const top = points[0].timestamp ? whole.format(highest) : fine.format(highest);
  text.hidden = highest === 0;
  const bucket = figure.dataset.bucket ?? (RANGES[chosen.range].granularity === "hourly" ? "hour" : "day");
  text.textContent = points[0].timestamp ? `up to ${top} in one ${bucket}` : `up to ${top}`;
}

function inWords(figure, points) {
  const values = points.map((point) => point.value);
  const now = whole.format(values.at(-1));
  return `${figure.dataset.noun}: lowest ${whole.format(Math.min(...values))}, ` +
    `highest ${whole.format(Math.max(...values))}, newest ${now}`;
}

function pointAt(figure, event) {
  const points = series.get(figure) ?? [];
  const svg = figure.querySelector("svg");
  if (!svg || !points.length || !points[0].timestamp) return;
  const part = (event.clientX - figure.getBoundingClientRect().left - 4) / (figure.clientWidth - 8);
  const index = Math.round(Math.min(1, Math.max(0, part)) * (points.length - 1));
  const [x] = places(points, figure.clientWidth, figure.clientHeight)[index];
  let label = figure.querySelector("output");
  if (!label) {
    label = document.createElement("output");
    // What the pointer is on is for the eye: it must not be read out at every move.
    label.setAttribute("aria-hidden", "true");
    figure.append(label);
  }
  label.textContent = `${bucketName(figure, points[index].timestamp)}  ${whole.format(points[index].value)}`;
  svg.querySelector(".pointer")?.remove();
  svg.append(draw("line", { class: "pointer", x1: x, x2: x, y1: 0, y2: figure.clientHeight - 3 }));
}

function bucketName(figure, timestamp) {
  if (figure.dataset.bucket === "minute") return `${clock(timestamp)} UTC`;
  const hourly = RANGES[chosen.range].granularity === "hourly";
  const day = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  const hour = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", hourly ? hour : day).format(new Date(timestamp));
}

function leave(figure) {
  figure.querySelector("output")?.remove();
  figure.querySelector(".pointer")?.remove();
}

// A line and no more: what it is of stands beside it in words.
export function trace(figure, values) {
  const { clientWidth: width, clientHeight: height } = figure;
  if (!width || values.length < 2) {
    figure.replaceChildren();
    return;
  }
  values = values.map(finite);
  const top = Math.max(...values, 1e-9);
  const at = values.map((value, place) => [
    (place / (values.length - 1)) * width,
    height - 1.5 - (value / top) * (height - 3),
  ]);
  const line = at.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  svg.append(
    draw("polygon", { class: "area", points: `0,${height} ${line} ${width},${height}` }),
    draw("polyline", { class: "trace", points: line }),
  );
  figure.replaceChildren(svg);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) spark(target, series.get(target) ?? []);
});

export function watchSparks() {
  for (const figure of document.querySelectorAll(".spark")) {
    sizes.observe(figure);
    figure.addEventListener("pointermove", (event) => pointAt(figure, event));
    figure.addEventListener("pointerleave", () => leave(figure));
  }
}
