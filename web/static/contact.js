// Whether the server is heard, and what its clock says. A worker that hangs closes no connection and answers
// nothing: it is noticed by what stays silent, and until it is heard again one question alone is asked.

import { finite } from "./kit.js";

const SILENT_MS = 4_500;
const PENDING_MS = 2_500;
const LOOK_MS = 500;
const PROBE_MS = 2_000;
const PROBE_TIMEOUT_MS = 3_000;
const CLOCKS_APART_MS = 60_000;

// `why`: null while it is heard, else "silent" (no answer) or "away" (no connection); `sinceMs` by the server's clock.
export const contact = { why: null, sinceMs: 0 };

let heardAt = performance.now();
let heardMs = Date.now();
let aheadMs = null;
let looked = performance.now();
let probing = 0;
let doubting = false;
let wires = { pendingSince: () => Infinity, changed: () => {}, found: () => {}, clockChanged: () => {} };

// The server's clock: ranges end there, whatever this machine believes.
export const serverNow = () => Date.now() + (aheadMs ?? 0);

// Something was answered, whatever it says.
export function heard(response) {
  heardAt = performance.now();
  keepTime(response.headers.get("Date"));
  heardMs = serverNow();
  if (contact.why === null) return;
  contact.why = null;
  clearTimeout(probing);
  wires.found();
}

// When an answer was made, by the server's clock; one that was kept on the way says how old it is.
export function toldAt(response) {
  const moment = Date.parse(response.headers.get("Date") ?? "");
  return Number.isNaN(moment) ? serverNow() : moment - 1000 * finite(response.headers.get("Age"));
}

// The header has whole seconds, and is some time under way: only clocks that are really apart are told apart.
function keepTime(date) {
  const toldMs = Date.parse(date ?? "");
  if (Number.isNaN(toldMs)) return;
  const apart = toldMs - Date.now();
  const ahead = Math.abs(apart) < CLOCKS_APART_MS ? 0 : apart;
  const before = aheadMs ?? 0;
  if (aheadMs === null || Math.abs(ahead - before) >= CLOCKS_APART_MS) {
    aheadMs = ahead;
    if (Math.abs(ahead - before) >= CLOCKS_APART_MS) wires.clockChanged();
  }
}

export function lost(why) {
  if (contact.why === null) contact.sinceMs = heardMs;
  const isNews = contact.why !== why;
  contact.why = why;
  clearTimeout(probing);
  probing = setTimeout(probe, PROBE_MS);
  if (isNews) wires.changed();
}

// A question has failed for want of a connection: its own, or that of all?
export const doubt = () => {
  if (contact.why === null && !doubting) probe();
};

export async function probe() {
  clearTimeout(probing);
  if (document.hidden) return;
  doubting = true;
  const asked = new AbortController();
  const giveUp = setTimeout(() => asked.abort(), PROBE_TIMEOUT_MS);
  try {
    heard(await fetch("/health/live", { signal: asked.signal, cache: "no-store" }));
  } catch {
    lost(asked.signal.aborted ? "silent" : "away");
  } finally {
    doubting = false;
    clearTimeout(giveUp);
  }
}

function look() {
  const now = performance.now();
  const slept = now - looked > 4 * LOOK_MS;
  looked = now;
  // After a sleep nothing that was asked before it says anything.
  if (slept || document.hidden || contact.why !== null) return;
  if (now - heardAt > SILENT_MS && now - wires.pendingSince() > PENDING_MS) lost("silent");
}

// `pendingSince`: when the oldest question was asked that is not answered (Infinity: none is).
export function watchContact(given) {
  wires = given;
  setInterval(look, LOOK_MS);
}
