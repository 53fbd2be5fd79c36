// What a map shows: the bulk of what there is. One position that lies astray must not make all others a dot.

export const KM_A_DEGREE = 111.2;
const MARGIN = 0.22;
const LEAST_SPAN_KM = 1;
// Left outside is at most so much of all, and only what lies so many times as far out as all that is nearer.
const MOST_OUTSIDE = 0.1;
const FAR = 3;

let frame = null;

// Whether two values are degrees that something can lie at.
export const isPlace = (lat, lon) => [[lat, 90], [lon, 180]].every(([value, most]) =>
  typeof value === "number" && Math.abs(value) <= most);

export const forgetFrame = () => {
  frame = null;
};
export const hasFrame = () => frame !== null;

const middleOf = (sorted) => sorted[Math.floor(sorted.length / 2)];
export const median = (places, name) => middleOf(places.map((place) => place[name]).sort((one, other) => one - other));

// How far east of `from`, from -180 to 180 degrees: a city may lie on both sides of the 180th meridian.
export const eastOf = (lon, from) => ((((lon - from + 180) % 360) + 360) % 360) - 180;

function aroundOf(places) {
  const sum = (of) => places.reduce((total, place) => total + of((place.lon * Math.PI) / 180), 0);
  return (Math.atan2(sum(Math.sin), sum(Math.cos)) * 180) / Math.PI;
}

// Places have `lat`, `lon` and `weight`. What is far from the rest is told apart.
export function bulkOf(places) {
  const around = aroundOf(places);
  const seen = places.map((place) => ({ ...place, east: eastOf(place.lon, around) }));
  const [lat, east] = [median(seen, "lat"), median(seen, "east")];
  const narrow = Math.cos((lat * Math.PI) / 180);
  for (const place of seen) {
    place.km = KM_A_DEGREE * Math.hypot(place.lat - lat, eastOf(place.east, east) * narrow);
  }
  seen.sort((one, other) => one.km - other.km);
  const all = seen.reduce((total, place) => total + place.weight, 0);
  const most = all >= 3 ? Math.max(1, all * MOST_OUTSIDE) : 0;
  let [inside, weight] = [seen.length, 0];
  for (let at = seen.length - 1; at > 0; at -= 1) {
    weight += seen[at].weight;
    if (weight > most) break;
    if (seen[at].km > FAR * Math.max(LEAST_SPAN_KM, seen[at - 1].km)) inside = at;
  }
  return { inside: seen.slice(0, inside), outside: seen.slice(inside), around };
}

// The frame stays while all are in it and it is not far too large: a map that jumps cannot be watched.
export function framed(places) {
  const { inside, outside, around } = bulkOf(places);
  const of = (name) => inside.map((place) => place[name]);
  const ends = (values) => [
    values.reduce((least, value) => Math.min(least, value), Infinity),
    values.reduce((most, value) => Math.max(most, value), -Infinity),
  ];
  const [south, north] = ends(of("lat"));
  const [west, east] = ends(of("east")).map((end) => end + around);
  const tall = Math.max(north - south, LEAST_SPAN_KM / KM_A_DEGREE);
  const turns = frame ? 360 * Math.round((frame.east + frame.west - east - west) / 720) : 0;
  const holds = frame && north <= frame.north && south >= frame.south &&
    east + turns <= frame.east && west + turns >= frame.west;
  if (!holds || tall * 3 <= frame.north - frame.south) {
    const wide = Math.max(east - west, LEAST_SPAN_KM / KM_A_DEGREE) * MARGIN;
    frame = { north: north + tall * MARGIN, south: south - tall * MARGIN, east: east + wide, west: west - wide };
  }
  return { box: frame, outside };
}
