// How events come in: to the worker that serves the page, by its Prometheus figures, and to all of them.

import { $, clock, FORMATS, showFigures } from "./kit.js";
import { answers, sumOf } from "./asking.js";
import { spark, trace } from "./lines.js";

const RATE_SAMPLES = 90;
export const SETTLED_LAG = 1_000;
const LATENESS = "openride_lateness_seconds";
const lates = [];
let counted = null;
export let behind = 0;
export let ready = null;

export function showIngest([readyNow, text]) {
  ready = readyNow;
  const now = performance.now();
  const accepted = sumOf(text, "openride_events_accepted_total");
  const lag = (behind = sumOf(text, "openride_consumer_lag_records"));
  // A worker that was restarted counts from nothing again.
  const goesOn = counted && accepted >= counted.accepted;
  const rate = goesOn ? (accepted - counted.accepted) / ((now - counted.at) / 1000) : answers.ingest?.rate;
  counted = { accepted, at: now };
  const late = lateness(sumOf(text, `${LATENESS}_count`), 1000 * sumOf(text, `${LATENESS}_sum`));
  answers.ingest = { rate, accepted, lag, late, rejected: sumOf(text, "openride_rejects_total") };
  showFigures("ingest", answers.ingest);
  $("ingest-state").textContent = ingestState(lag);
}

// What came in by minute, over all workers; the minute under way would look like a drop.
export function showFlow(found) {
  answers.flow = found;
  const whole = found.minutes.slice(0, -1).filter((minute) => minute.events !== null);
  spark(document.querySelector('[data-series="flow"]'),
    whole.map(({ timestamp, events }) => ({ timestamp, value: events })));
  trace(document.querySelector('[data-trace="late"]'), whole.map((minute) => minute.late_p95_ms ?? 0));
  const newest = whole.findLast((minute) => minute.events > 0);
  $("late-text").textContent = newest
    ? `95 % late by, minute by minute: ${FORMATS.duration(newest.late_p95_ms)} at ${clock(newest.timestamp)} UTC`
    : "No event has come in during the last hour";
  if (newest) showFigures("flow", newest);
}

// How far behind the newest event an event was, on average, over the last minutes; the counters begin with the worker.
function lateness(events, behind_ms) {
  if (events < lates.at(-1)?.events) lates.length = 0;
  lates.push({ events, behind_ms });
  if (lates.length > RATE_SAMPLES) lates.shift();
  const since = events - lates[0].events;
  return since ? (behind_ms - lates[0].behind_ms) / since : 0;
}

function ingestState(lag) {
  if (ready.reasons.length) return ready.reasons.join("; ");
  // Some records are always between being read and being committed.
  return lag > SETTLED_LAG ? "Catching up with the topics" : "Up to date: records are stored within a second or two";
}

// After a gap the next rate would be of all of it.
export function forgetRate() {
  counted = null;
}
