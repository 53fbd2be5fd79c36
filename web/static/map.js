// Where drivers are, and what each zone and city asks for, over outlines of land that ship with the page: no map
// of anybody else's is loaded.

import { $, draw, fine, finite, FORMATS, isolated, make, NOWHERE, rem, shortened, whole } from "./kit.js";
import { chosen } from "./chosen.js";
import { answers } from "./asking.js";
import { serverNow } from "./contact.js";
import { eastOf, framed, isPlace, KM_A_DEGREE, median } from "./frame.js";
import { drawLand, loadLand } from "./land.js";
import { busiest, countOf, demandPlaces, drawZones, showZoneKey } from "./zones.js";

const OLD_MS = 120_000;
const MOST_LABELS = 8;
const LONGEST_NAME = 24;

export function showDrivers(found) {
  answers.drivers = found;
  drawMap();
}

export function showZones(found) {
  answers.zones = found;
  showZoneKey();
  drawMap();
}

export function showCities(found, choose) {
  answers.cities = found;
  const body = $("cities");
  const rows = found.cities.slice(0, MOST_LABELS);
  $("cities-none").hidden = rows.length > 0;
  $("cities-table").hidden = rows.length === 0;
  const names = JSON.stringify(rows.map((city) => city.city));
  if (names !== listed) list(body, rows, choose);
  listed = names;
  const most = Math.max(1, ...rows.map((city) => finite(city.bookings_last_hour)));
  rows.forEach((city, at) => tell(body.children[at], city, most));
}

let listed = null;

// A name that has the focus keeps it: rows are made anew only where the cities are others.
function list(body, rows, choose) {
  const focused = body.contains(document.activeElement) ? document.activeElement.textContent : null;
  body.replaceChildren(...rows.map((city) => row(city, choose)));
  [...body.querySelectorAll("button")].find((name) => name.textContent === focused)?.focus({ preventScroll: true });
}

function row(city, choose) {
  const name = city.city === null
    ? make("span", { className: "nowhere", textContent: NOWHERE })
    : make("button", {
        type: "button", dir: "auto", textContent: city.city, title: `Show ${isolated(city.city)} only`,
        onclick: () => choose({ city: chosen.city === city.city ? "" : city.city }),
      });
  const cells = [make("td"), make("td"), make("td", { className: "share" }, make("span")), make("td")];
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells);
}

function tell(line, city, most) {
  const [name, drivers, trips, demand, money] = line.children;
  name.querySelector("button")?.setAttribute("aria-pressed", String(chosen.city === city.city));
  drivers.textContent = whole.format(city.active_drivers);
  trips.textContent = whole.format(city.active_trips);
  demand.style.setProperty("--share", String(finite(city.bookings_last_hour) / most));
  demand.firstChild.textContent = whole.format(city.bookings_last_hour);
  money.textContent = FORMATS.money(city.revenue_last_hour);
}

// One degree of longitude is shorter the further north: x and y are kilometres from the middle.
const flat = (place, middle) => [
  eastOf(place.lon, middle.lon) * KM_A_DEGREE * Math.cos((middle.lat * Math.PI) / 180),
  (middle.lat - place.lat) * KM_A_DEGREE,
];

export function drawMap() {
  const figure = $("map");
  const { clientWidth: width, clientHeight: height } = figure;
  const drivers = answers.drivers?.drivers.filter((driver) => isPlace(driver.lat, driver.lon));
  if (!drivers || !width) return;
  const places = [...drivers.map((driver) => ({ ...driver, weight: 1 })), ...demandPlaces()];
  $("map-none").hidden = places.length > 0;
  figure.querySelector("svg")?.remove();
  $("map-text").textContent = inWords(drivers, answers.drivers.total);
  if (!places.length) return;
  const { box, outside } = framed(places);
  $("map-text").textContent += farOff(outside);
  const middle = { lat: (box.north + box.south) / 2, lon: (box.east + box.west) / 2 };
  const halfTall = ((box.north - box.south) / 2) * KM_A_DEGREE;
  const halfWide = ((box.east - box.west) / 2) * KM_A_DEGREE * Math.cos((middle.lat * Math.PI) / 180);
  const scale = Math.min(width / (2 * halfWide), height / (2 * halfTall));
  const at = (place) => {
    const [x, y] = flat(place, middle);
    return [width / 2 + x * scale, height / 2 + y * scale];
  };
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": $("map-text").textContent });
  // Who was seen last lies on top.
  const dots = drivers.map((driver) => dot(driver, at)).reverse();
  svg.append(...drawLand(middle, scale, width, height), ...grid(width, height, scale), ...drawZones(at), ...dots);
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
  const age = serverNow() - Date.parse(driver.last_seen);
  const state = driver.trip_id ? "driver on-trip" : "driver";
  const kind = age > OLD_MS ? `${state} old` : state;
  return draw("circle", { class: kind, cx: x.toFixed(1), cy: y.toFixed(1), r: rem(0.22) });
}

function byCity(drivers) {
  const found = new Map();
  for (const driver of drivers) {
    if (driver.city === null) continue;
    const there = found.get(driver.city) ?? [];
    there.push(driver);
    found.set(driver.city, there);
  }
  return [...found].sort(([, one], [, other]) => other.length - one.length).slice(0, MOST_LABELS);
}

function names(drivers, at, width) {
  const taken = [];
  return byCity(drivers).flatMap(([name, there]) => {
    const [x, y] = at({ lat: median(there, "lat"), lon: median(there, "lon") });
    if (taken.some(([otherX, otherY]) => Math.abs(otherX - x) < rem(6) && Math.abs(otherY - y) < rem(1))) return [];
    taken.push([x, y]);
    const anchor = x < rem(4) ? "start" : x > width - rem(4) ? "end" : "middle";
    const text = draw("text", { class: "place", x, y: Math.max(rem(1), y - rem(0.5)), "text-anchor": anchor });
    text.textContent = shortened(name, LONGEST_NAME);
    return [text];
  });
}

function inWords(drivers, total) {
  const busy = drivers.filter((driver) => driver.trip_id).length;
  const where = chosen.city ? ` in ${isolated(chosen.city)}` : "";
  const all = total > drivers.length ? ` (the ${whole.format(drivers.length)} seen last)` : "";
  const moving = drivers.filter((driver) => driver.speed_kmh > 0 || driver.speed_kmh === 0);
  const speed = moving.reduce((sum, driver) => sum + driver.speed_kmh, 0) / (moving.length || 1);
  const pace = moving.length ? `, ${fine.format(speed)} km/h on average` : "";
  return `${whole.format(total)} active ${total === 1 ? "driver" : "drivers"}${where}${all}: ` +
    `${whole.format(busy)} on a trip, ${whole.format(drivers.length - busy)} free${pace}.${busiest()}`;
}

// What the frame leaves outside, which the table has.
function farOff(outside) {
  if (!outside.length) return "";
  const bookings = outside.reduce((sum, place) => sum + (place.zone ? place.weight : 0), 0);
  const drivers = outside.filter((place) => !place.zone).length;
  const those = [drivers && countOf(drivers, "driver"), bookings && countOf(bookings, "booking")].filter(Boolean);
  return ` Far from the rest, and outside this map: ${those.join(" and ")}.`;
}

export function watchMap() {
  loadLand(drawMap);
  new ResizeObserver(drawMap).observe($("map"));
}
