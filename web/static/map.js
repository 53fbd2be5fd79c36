// Where drivers are, and what each city asks for: drawn from the positions themselves, so that no map of
// anybody else's is loaded.

import { $, draw, fine, FORMATS, make, NOWHERE, rem, whole } from "./kit.js";
import { chosen } from "./chosen.js";
import { answers } from "./asking.js";

const KM_A_DEGREE = 111.2;
const MARGIN = 0.22;
const LEAST_SPAN_KM = 1;
const OLD_MS = 120_000;
const MOST_LABELS = 8;
const LONGEST_NAME = 24;

let frame = null;

export function showDrivers(found) {
  answers.drivers = found;
  drawMap();
}

export function showCities(found, choose) {
  answers.cities = found;
  const body = $("cities");
  const rows = found.cities.slice(0, MOST_LABELS);
  $("cities-none").hidden = rows.length > 0;
  $("cities-table").hidden = rows.length === 0;
  const most = Math.max(1, ...rows.map((city) => city.bookings_last_hour));
  body.replaceChildren(...rows.map((city) => row(city, most, choose)));
  drawMap();
}

function row(city, most, choose) {
  const name = city.city === null
    ? make("span", { className: "nowhere", textContent: NOWHERE })
    : make("button", {
        type: "button", textContent: city.city, title: `Show ${city.city} only`,
        ariaPressed: String(chosen.city === city.city),
        onclick: () => choose({ city: chosen.city === city.city ? "" : city.city }),
      });
  const cell = (text) => make("td", { textContent: text });
  const demand = make("td", { className: "share", style: { "--share": city.bookings_last_hour / most } },
    make("span", { textContent: whole.format(city.bookings_last_hour) }));
  return make("tr", {}, make("th", { scope: "row" }, name), cell(whole.format(city.active_drivers)),
    cell(whole.format(city.active_trips)), demand, cell(FORMATS.money(city.revenue_last_hour)));
}

// One degree of longitude is shorter the further north: x and y are kilometres from the middle.
const flat = (place, middle) => [
  (place.lon - middle.lon) * KM_A_DEGREE * Math.cos((middle.lat * Math.PI) / 180),
  (middle.lat - place.lat) * KM_A_DEGREE,
];

const middleOf = (sorted) => sorted[Math.floor(sorted.length / 2)];
const median = (places, name) => middleOf(places.map((place) => place[name]).sort((one, other) => one - other));

// The frame stays while all are in it and it is not far too large: a map that jumps cannot be watched.
function framed(drivers) {
  const of = (name) => drivers.map((driver) => driver[name]);
  const [north, south] = [Math.max(...of("lat")), Math.min(...of("lat"))];
  const [east, west] = [Math.max(...of("lon")), Math.min(...of("lon"))];
  const holds = frame && north <= frame.north && south >= frame.south && east <= frame.east && west >= frame.west;
  if (holds && (north - south) * 3 > frame.north - frame.south) return frame;
  const wide = Math.max(east - west, LEAST_SPAN_KM / KM_A_DEGREE) * MARGIN;
  const tall = Math.max(north - south, LEAST_SPAN_KM / KM_A_DEGREE) * MARGIN;
  frame = { north: north + tall, south: south - tall, east: east + wide, west: west - wide };
  return frame;
}

export function forgetFrame() {
  frame = null;
}

export function drawMap() {
  const figure = $("map");
  const { clientWidth: width, clientHeight: height } = figure;
  const drivers = answers.drivers?.drivers;
  if (!drivers || !width) return;
  $("map-none").hidden = drivers.length > 0;
  figure.querySelector("svg")?.remove();
  $("map-text").textContent = inWords(drivers, answers.drivers.total);
  if (!drivers.length) return;
  const box = framed(drivers);
  const middle = { lat: (box.north + box.south) / 2, lon: (box.east + box.west) / 2 };
  const [halfWide, up] = flat({ lat: box.north, lon: box.east }, middle);
  const scale = Math.min(width / (2 * halfWide), height / (2 * -up));
  const at = (place) => {
    const [x, y] = flat(place, middle);
    return [width / 2 + x * scale, height / 2 + y * scale];
  };
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": $("map-text").textContent });
  // Who was seen last lies on top.
  const dots = drivers.map((driver) => dot(driver, at)).reverse();
  svg.append(...grid(width, height, scale), ...demand(drivers, at), ...dots);
  svg.append(...names(drivers, at, width), ...ruler(width, height, scale));
  figure.prepend(svg);
}

const stepOf = (km) => {
  const power = 10 ** Math.floor(Math.log10(km));
  return power * [1, 2, 5, 10].find((step) => step * power >= km);
};

function grid(width, height, scale) {
  const step = stepOf(rem(4.5) / scale) * scale;
  const lines = [];
  for (let x = (width / 2) % step; x < width; x += step) {
    lines.push(draw("line", { class: "grid", x1: x, x2: x, y1: 0, y2: height }));
  }
  for (let y = (height / 2) % step; y < height; y += step) {
    lines.push(draw("line", { class: "grid", x1: 0, x2: width, y1: y, y2: y }));
  }
  return lines;
}

function ruler(width, height, scale) {
  const km = stepOf(rem(4.5) / scale);
  const [x, y] = [width - 12 - km * scale, height - rem(0.75)];
  const text = draw("text", { class: "tick", x: width - 12, y: y - rem(0.4), "text-anchor": "end" });
  text.textContent = km < 1 ? `${whole.format(km * 1000)} m` : `${whole.format(km)} km`;
  const north = draw("text", { class: "tick", x: width - 12, y: rem(1), "text-anchor": "end" });
  north.textContent = "N ↑";
  return [draw("path", { class: "ruler", d: `M${x} ${y - 3}v3H${width - 12}v-3` }), text, north];
}

function dot(driver, at) {
  const [x, y] = at(driver);
  const age = Date.now() - Date.parse(driver.last_seen);
  const state = driver.trip_id ? "driver on-trip" : "driver";
  const kind = age > OLD_MS ? `${state} old` : state;
  return draw("circle", { class: kind, cx: x.toFixed(1), cy: y.toFixed(1), r: rem(0.22) });
}

function byCity(drivers) {
  const found = new Map();
  for (const driver of drivers) {
    if (driver.city !== null) found.set(driver.city, [...(found.get(driver.city) ?? []), driver]);
  }
  return [...found].sort(([, one], [, other]) => other.length - one.length).slice(0, MOST_LABELS);
}

const heart = (there) => ({ lat: median(there, "lat"), lon: median(there, "lon") });
const bookingsOf = (name) => answers.cities?.cities.find((city) => city.city === name)?.bookings_last_hour ?? 0;

// A ring about the middle of each city's drivers; its area is the demand.
function demand(drivers, at) {
  const cities = byCity(drivers);
  const most = Math.max(1, ...cities.map(([name]) => bookingsOf(name)));
  return cities.map(([name, there]) => {
    const [cx, cy] = at(heart(there));
    return draw("circle", { class: "demand", cx, cy, r: rem(3) * Math.sqrt(bookingsOf(name) / most) });
  });
}

function names(drivers, at, width) {
  const taken = [];
  return byCity(drivers).flatMap(([name, there]) => {
    const [x, y] = at(heart(there));
    if (taken.some(([otherX, otherY]) => Math.abs(otherX - x) < rem(6) && Math.abs(otherY - y) < rem(1))) return [];
    taken.push([x, y]);
    const anchor = x < rem(4) ? "start" : x > width - rem(4) ? "end" : "middle";
    const text = draw("text", { class: "place", x, y: Math.max(rem(1), y - rem(0.5)), "text-anchor": anchor });
    text.textContent = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
    return [text];
  });
}

function inWords(drivers, total) {
  const busy = drivers.filter((driver) => driver.trip_id).length;
  const where = chosen.city ? ` in ${chosen.city}` : "";
  const all = total > drivers.length ? ` (the ${whole.format(drivers.length)} seen last)` : "";
  const moving = drivers.filter((driver) => driver.speed_kmh !== null);
  const speed = moving.reduce((sum, driver) => sum + driver.speed_kmh, 0) / (moving.length || 1);
  const pace = moving.length ? `, ${fine.format(speed)} km/h on average` : "";
  return `${whole.format(total)} active ${total === 1 ? "driver" : "drivers"}${where}${all}: ` +
    `${whole.format(busy)} on a trip, ${whole.format(drivers.length - busy)} free${pace}`;
}

export function watchMap() {
  new ResizeObserver(drawMap).observe($("map"));
}
