// The page asks the API every two seconds and shows what it answers. Nothing is loaded from anywhere else,
// and nothing is stored but the API's token, until the tab is closed. Text from the server is only ever
// set as text.

import { $, isolated, make, sentence, showFigures, whole } from "./kit.js";
import { chosen, inCity, inRange, metricsUrl, RANGES, readAddress, writeAddress } from "./chosen.js";
import {
  answer, answers, askAll, forgetToken, giveUpAll, notes, pendingSince, readiness, rest, Source, sources,
  useToken,
} from "./asking.js";
import { serverNow, watchContact } from "./contact.js";
import { forgetFrame } from "./frame.js";
import { spark, watchSparks } from "./lines.js";
import { showActive, showAnomalies, showMinutes, showNow, showTiles, watchMinutes } from "./live.js";
import { showCities, showDrivers, showZones, watchMap } from "./map.js";
import { zoneSize } from "./zones.js";
import { showBest, showCohorts, showFunnel, showRoutes } from "./depth.js";
import { behind, SETTLED_LAG, showFlow, showIngest, showReady } from "./ingest.js";
import { showMethods, showSplit } from "./money.js";
import { showQueues, showScheduler } from "./schedules.js";
import { noteText, PLACE_NOTE, showNotes } from "./notes.js";
import { presentState } from "./state.js";
import { addFeet, watchScrolls } from "./tables.js";

const SLOW_MS = 20_000;
const LISTED = 8;

// What is asked

const ENDPOINTS = ["trips", "bookings", "users", "payments"];
const COHORTS = { today: "daily", day: "daily", week: "daily", month: "weekly" };
// Their answers are of another range or city once another is chosen.
const RANGED = [...ENDPOINTS, "routes", "best", "funnel", "cohort", "minutes", "drivers", "zones"];

const add = (name, urlOf, take, everyMs, isSlow = everyMs !== undefined) => sources.push(
  new Source(name, (signal) => answer(urlOf(), signal), ([found, noted]) => {
    notes[name] = noted;
    take(found);
    showNotes();
  }, everyMs, isSlow),
);

add("now", () => "/v1/metrics/realtime", (found) => {
  showNow(found);
  showIngest();
});
add("active", () => "/v1/realtime/active", showActive);
add("minutes", () => `/v1/realtime/minutes?${inCity()}`, showMinutes);
add("anomalies", () => "/v1/realtime/anomalies", showAnomalies);
add("queues", () => "/v1/realtime/queue-times", showQueues);
add("flow", () => "/v1/realtime/ingest", showFlow);
add("cities", () => "/v1/realtime/cities?limit=1000", showEveryCity);
add("drivers", () => `/v1/realtime/drivers?${inCity({ limit: 2000 })}`, showDrivers);
add("zones", () => `/v1/realtime/zones?${inCity(zoneSize())}`, showZones);
for (const name of ENDPOINTS) add(name, () => metricsUrl(name), (found) => present(name, found), undefined, true);
sources.push(new Source("ready", readiness, ([found]) => showReady(found)));
add("routes", () => `/v1/metrics/routes?${inRange({ limit: LISTED })}`, showRoutes, SLOW_MS);
add("best", () => `/v1/metrics/drivers?${inRange({ limit: LISTED })}`, showBest, SLOW_MS);
add("scheduler", () => "/v1/schedule-analytics/health/system?hours_back=24", showScheduler, SLOW_MS);
add("funnel", () => `/v1/analytics/funnel?${inRange()}`, showFunnel, SLOW_MS);
add("cohort", () => `/v1/analytics/cohort?${inCity({ cohort_type: COHORTS[chosen.range], periods: LISTED })}`,
  (found) => showCohorts(found, COHORTS[chosen.range]), SLOW_MS);

function choose(change) {
  Object.assign(chosen, change);
  writeAddress();
  readAddress();
  begin();
}

function begin() {
  document.body.dataset.empty = "false";
  $("figures").setAttribute("aria-busy", "true");
  for (const name of RANGED) {
    delete answers[name];
    delete notes[name];
  }
  forgetFrame();
  showTiles();
  showNotes();
  presentState();
  askAll();
}

function showEveryCity(found) {
  showCities(found, choose);
  showTiles();
  const names = found.cities.map((city) => city.city).filter(Boolean);
  const known = [...$("city-names").children].map((option) => option.value);
  if (names.join("\n") !== known.join("\n")) {
    $("city-names").replaceChildren(...names.map((value) => make("option", { value })));
  }
}

// Token

function tryToken(given) {
  useToken(given);
  // A second refusal is said again.
  $("gate-wrong").textContent = "";
  $("token").value = "";
  askAll();
}

// Showing

function present(name, found) {
  answers[name] = found;
  if (name === "users") found.active = found[RANGES[chosen.range].active];
  showFigures(name, found);
  const now = serverNow();
  const past = (found.time_series ?? []).filter((point) => Date.parse(point.timestamp) <= now);
  spark(document.querySelector(`[data-series="${name}"]`), past);
  if (name === "payments") showMethods(found.by_method);
  if (name === "trips") showSplit(found);
  showEmpty();
}

function showEmpty() {
  if (!ENDPOINTS.every((name) => answers[name])) return;
  const none = answers.trips.trips_started + answers.bookings.bookings_created +
    answers.payments.payments_initiated + answers.users.active + answers.users.new_registrations === 0;
  document.body.dataset.empty = String(none);
  $("empty").hidden = !none;
  if (!none) return;
  const range = RANGES[chosen.range];
  const action = $("empty-action");
  if (chosen.city) {
    $("empty-title").textContent = `Nothing in ${isolated(chosen.city)} ${range.words}`;
    const unknown = ENDPOINTS.flatMap((name) => notes[name]).find((note) => note.kind === PLACE_NOTE);
    $("empty-text").textContent = unknown
      ? sentence(noteText(unknown))
      : "Cities are matched exactly as events spell them.";
    action.textContent = "Show every city";
    action.onclick = () => choose({ city: "" });
  } else if (behind() > SETTLED_LAG) {
    $("empty-title").textContent = `No rides ${range.words} yet`;
    $("empty-text").textContent = `${whole.format(behind())} records are on the way, the oldest first.`;
    action.textContent = "Look further back";
    action.onclick = () => choose({ range: range.wider });
  } else {
    $("empty-title").textContent = `No rides ${range.words}`;
    $("empty-text").textContent = "Figures appear here within seconds of the first event. " +
      "No producer at hand? The command “openride replay” sends real trips.";
    action.textContent = "Look further back";
    action.onclick = () => choose({ range: range.wider });
  }
  action.hidden = !chosen.city && range.wider === null;
}

// Beginning

let typing = 0;
$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  choose({ city: $("city").value.trim() });
});
$("controls").addEventListener("change", (event) => {
  if (event.target.name === "range") choose({ range: event.target.value });
});
$("city").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const city = $("city").value.trim();
    if (city !== chosen.city) choose({ city });
  }, 500);
});
$("gate").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("token").value.trim();
  if (given) tryToken(given);
});
$("forget").addEventListener("click", forgetToken);
$("retry").addEventListener("click", askAll);
addEventListener("hashchange", () => {
  readAddress();
  begin();
});
addEventListener("online", askAll);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) rest();
  else askAll();
});

Source.changed = presentState;
watchContact({
  pendingSince,
  changed: () => {
    giveUpAll();
    presentState();
  },
  found: () => {
    presentState();
    askAll();
  },
  clockChanged: begin,
});
addFeet();
watchScrolls();
watchSparks();
watchMinutes();
watchMap();
readAddress();
showTiles();
askAll();
