// Land and water under the map, from outlines that ship with the page (vendor/natural-earth).

import { draw } from "./kit.js";
import { KM_A_DEGREE } from "./frame.js";

const OUTLINES = "/static/vendor/natural-earth/land.bin";
const HEAD_BYTES = 32;
const LEAST_STEP_PX = 0.7;
const TURNS = [-360, 0, 360];

// Each ring: its points, east and north in turns, and the box that it lies in. None before they are there.
let rings = [];
let drawn = { of: null, path: "" };

// Without them the map is what it was: drivers and zones.
export async function loadLand(then) {
  try {
    const answer = await fetch(OUTLINES);
    if (!answer.ok) return;
    rings = ringsOf(new DataView(await answer.arrayBuffer()));
  } catch {
    return;
  }
  then();
}

export function ringsOf(bytes) {
  const [stepEast, stepNorth, west, south] = [0, 8, 16, 24].map((at) => bytes.getFloat64(at, true));
  const found = [];
  let at = HEAD_BYTES;
  const number = () => {
    let [value, shift, byte] = [0, 0, 0];
    do {
      byte = bytes.getUint8(at);
      at += 1;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f);
    return value;
  };
  const step = () => {
    const value = number();
    return (value >> 1) ^ -(value & 1);
  };
  while (at < bytes.byteLength) {
    const points = new Float64Array(2 * number());
    const box = { west: Infinity, east: -Infinity, south: Infinity, north: -Infinity };
    let [x, y] = [0, 0];
    for (let place = 0; place < points.length; place += 2) {
      x += step();
      y += step();
      const [lon, lat] = [west + x * stepEast, south + y * stepNorth];
      points[place] = lon;
      points[place + 1] = lat;
      box.west = Math.min(box.west, lon);
      box.east = Math.max(box.east, lon);
      box.south = Math.min(box.south, lat);
      box.north = Math.max(box.north, lat);
    }
    found.push({ points, ...box });
  }
  return found;
}

// What is seen: `middle` in the middle, so many pixels a kilometre, `width` by `height` pixels.
export function drawLand(middle, scale, width, height) {
  if (!rings.length) return [];
  const of = [middle.lat, middle.lon, scale, width, height].join();
  if (drawn.of !== of) drawn = { of, path: pathOf(middle, scale, width, height) };
  return [
    draw("rect", { class: "water", width, height }),
    draw("path", { class: "land", d: drawn.path, "fill-rule": "evenodd" }),
  ];
}

function pathOf(middle, scale, width, height) {
  const north = KM_A_DEGREE * scale;
  const east = north * Math.cos((middle.lat * Math.PI) / 180);
  const [halfWide, halfTall] = [width / 2 / east, height / 2 / north];
  const parts = [];
  for (const ring of rings) {
    if (ring.north < middle.lat - halfTall || ring.south > middle.lat + halfTall) continue;
    for (const turn of TURNS) {
      const away = turn - middle.lon;
      if (ring.east + away < -halfWide || ring.west + away > halfWide) continue;
      const points = Array.from({ length: ring.points.length / 2 }, (_, at) => [
        width / 2 + (ring.points[2 * at] + away) * east,
        height / 2 + (middle.lat - ring.points[2 * at + 1]) * north,
      ]);
      parts.push(line(clipped(thinned(points), width, height)));
    }
  }
  return parts.join("");
}

// Points that the screen does not tell apart.
function thinned(points) {
  let [x, y] = [Infinity, Infinity];
  return points.filter((point) => {
    const far = Math.abs(point[0] - x) > LEAST_STEP_PX || Math.abs(point[1] - y) > LEAST_STEP_PX;
    if (far) [x, y] = point;
    return far;
  });
}

// The part of a polygon within the frame and a little around it: edge by edge (Sutherland and Hodgman).
export function clipped(points, width, height) {
  const edges = [[0, 1, -9], [0, -1, -width - 9], [1, 1, -9], [1, -1, -height - 9]];
  return edges.reduce((left, [axis, sign, least]) => {
    const depth = (point) => sign * point[axis] - least;
    return left.flatMap((point, at) => {
      const before = left.at(at - 1);
      const [here, there] = [depth(point), depth(before)];
      const crossing = here < 0 === there < 0 ? [] : [between(before, point, there / (there - here))];
      return here < 0 ? crossing : [...crossing, point];
    });
  }, points);
}

const between = (from, to, share) => [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];

const line = (points) => (points.length > 2 ? `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z` : "");
