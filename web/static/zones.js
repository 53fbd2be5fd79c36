// Demand and drivers by zone: cells of a grid that the API lays over the earth.

import { $, draw, FORMATS, whole } from "./kit.js";
import { answers } from "./asking.js";
import { hasFrame, isPlace } from "./frame.js";

// While the frame holds the zones keep their size: a grid that changes under one's eyes cannot be watched.
export const zoneSize = () => (answers.zones?.size_km > 0 && hasFrame() ? { size_km: answers.zones.size_km } : {});

const listed = () => (answers.zones?.zones ?? []).filter((zone) =>
  isPlace(zone.south, zone.west) && isPlace(zone.north, zone.east) && zone.bookings_last_hour >= 0);

// Where bookings are asked for, each zone as one place.
export const demandPlaces = () => listed().filter((zone) => zone.bookings_last_hour > 0).map((zone) => ({
  lat: (zone.south + zone.north) / 2, lon: (zone.west + zone.east) / 2, weight: Number(zone.bookings_last_hour), zone,
}));

export function drawZones(at) {
  const most = Math.max(1, ...listed().map((zone) => zone.bookings_last_hour));
  return listed().map((zone) => {
    const [x, bottom] = at({ lat: zone.south, lon: zone.west });
    const [right, y] = at({ lat: zone.north, lon: zone.east });
    const strength = zone.bookings_last_hour ? 0.12 + 0.5 * Math.sqrt(zone.bookings_last_hour / most) : 0;
    const cell = draw("rect", {
      class: "zone", x: x.toFixed(1), y: y.toFixed(1), width: Math.max(0, right - x).toFixed(1),
      height: Math.max(0, bottom - y).toFixed(1), "fill-opacity": strength.toFixed(2),
    });
    cell.append(draw("title", {}));
    cell.firstChild.textContent = `${countOf(zone.bookings_last_hour, "booking")}, ` +
      `${countOf(zone.active_drivers, "driver")}, ${whole.format(zone.free_drivers)} free`;
    return cell;
  });
}

export const countOf = (count, noun) => `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;

export function showZoneKey() {
  const most = Math.max(0, ...listed().map((zone) => zone.bookings_last_hour));
  const { size_km: size } = answers.zones ?? {};
  const wide = size === undefined ? "" : ` of ${size < 1 ? `${whole.format(size * 1000)} m` : `${FORMATS.count(size)} km`}`;
  $("zone-key").textContent = `Bookings of the last hour by zone${wide}${most ? `, up to ${whole.format(most)}` : ""}`;
}

// In words, for who does not see the map.
export function busiest() {
  const [first] = demandPlaces();
  if (!first) return "";
  const degrees = (value, [positive, negative]) => `${Math.abs(value).toFixed(3)}° ${value < 0 ? negative : positive}`;
  return ` Most are asked for about ${degrees(first.lat, "NS")}, ${degrees(first.lon, "EW")}: ` +
    `${countOf(first.weight, "booking")} in the last hour.`;
}
