// How events come in, over all workers.

import { $, clock, finite, FORMATS, showFigures } from "./kit.js";
import { answers } from "./asking.js";
import { spark, trace } from "./lines.js";

export const SETTLED_LAG = 1_000;
export let ready = null;

// Records that are sent and not stored yet.
export const behind = () => finite(answers.now?.consumer_lag);

// Of the worker that answers this page: whether it is well stands beside the system's health.
export function showReady(found) {
  ready = answers.ready = found;
  sayIngest();
}

export function showIngest() {
  const { now, flow } = answers;
  answers.ingest = {
    events_per_second: now?.events_per_second, consumer_lag: now?.consumer_lag,
    events_last_hour: flow && eventsOf(flow.minutes), rejected_last_hour: flow?.rejected_last_hour,
  };
  showFigures("ingest", answers.ingest);
  sayIngest();
}

function eventsOf(minutes) {
  const known = minutes.filter((minute) => minute.events !== null);
  return known.length ? known.reduce((total, minute) => total + finite(minute.events), 0) : null;
}

// What came in by minute; the minute under way would look like a drop.
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
  showIngest();
}

function sayIngest() {
  const reasons = new Set([...(ready?.reasons ?? []), ...(answers.now?.reasons ?? [])]);
  // Some records are always between being read and being committed.
  const settled = behind() > SETTLED_LAG
    ? "Catching up with the topics" : "Up to date: records are stored within a second or two";
  if (ready && answers.now) $("ingest-state").textContent = reasons.size ? [...reasons].join("; ") : settled;
}
