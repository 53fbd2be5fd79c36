// The page asks the API every two seconds and shows what it answers. Nothing is loaded from anywhere else,
// and nothing is stored but the API's token, until the tab is closed. Text from the server is only ever
// set as text.

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const POLL_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 20_000;
const TWEEN_MS = 650;
const RATE_SAMPLES = 90;
const SETTLED_LAG = 1_000;

const midnight = (now) => Math.floor(now / DAY_MS) * DAY_MS;
const nextMinute = (now) => (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;

// `active` is the figure of /v1/metrics/users that covers the range.
const RANGES = {
  today: {
    bounds: (now) => [midnight(now), midnight(now) + DAY_MS],
    granularity: "hourly", active: "dau", words: "today (UTC)", wider: "week",
  },
  day: {
    bounds: (now) => [nextMinute(now) - DAY_MS, nextMinute(now)],
    granularity: "hourly", active: "dau", words: "in the last 24 hours", wider: "week",
  },
  week: {
    bounds: (now) => [midnight(now) - 6 * DAY_MS, midnight(now) + DAY_MS],
    granularity: "daily", active: "wau", words: "in the last 7 days", wider: "month",
  },
  month: {
    bounds: (now) => [midnight(now) - 29 * DAY_MS, midnight(now) + DAY_MS],
    granularity: "daily", active: "mau", words: "in the last 30 days", wider: null,
  },
};

const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const currency = document.querySelector('meta[name="currency"]').content;

// Numbers as people read them

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cash = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" });

const FORMATS = {
  count: (value) => whole.format(value),
  percent: (value) => `${exact.format(value)} %`,
  minutes: (value) => `${fine.format(value)} min`,
  km: (value) => `${fine.format(value)} km`,
  ms: (value) => (value < 10_000 ? `${whole.format(value)} ms` : `${fine.format(value / 1000)} s`),
  rate: (value) => (value < 10 && value > 0 ? fine.format(value) : whole.format(value)),
  // The string goes to the formatter as it is: no cent is lost on the way.
  money: (value) => cash.format(value),
};

// Figures: each element shows one, and moves softly from the last value to the next

const shown = new WeakMap();

function show(element, value) {
  const format = FORMATS[element.dataset.as ?? "count"];
  const before = shown.get(element);
  if (before?.value === value && before.format === format) return;
  cancelAnimationFrame(before?.frame);
  const state = { value, format, frame: 0 };
  shown.set(element, state);
  if (before === undefined || calm.matches || document.hidden) {
    element.textContent = format(value);
    return;
  }
  const from = Number(before.value);
  const way = Number(value) - from;
  const whenStarted = performance.now();
  const step = (now) => {
    const part = Math.min(1, Math.max(0, (now - whenStarted) / TWEEN_MS));
    if (part === 1) {
      element.textContent = format(value);
      return;
    }
    const eased = 1 - (1 - part) ** 3;
    const between = from + way * eased;
    element.textContent = format(element.dataset.as ? between : Math.round(between));
    state.frame = requestAnimationFrame(step);
  };
  state.frame = requestAnimationFrame(step);
}

function showFigures(group, figures) {
  for (const element of document.querySelectorAll(`[data-figure^="${group}."]`)) {
    const value = figures[element.dataset.figure.slice(group.length + 1)];
    if (value !== undefined) show(element, value);
  }
}

// Sparklines

const SVG = "http://www.w3.org/2000/svg";
const series = new Map();

function draw(kind, attributes) {
  const node = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function places(points, width, height) {
  const top = Math.max(1, ...points.map((point) => point.value));
  const step = points.length > 1 ? (width - 8) / (points.length - 1) : 0;
  return points.map((point, at) => [4 + at * step, height - 3 - (point.value / top) * (height - 28)]);
}

function spark(figure, points) {
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
  const bucket = RANGES[chosen.range].granularity === "hourly" ? "hour" : "day";
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
  label.textContent = `${bucketName(points[index].timestamp)}  ${whole.format(points[index].value)}`;
  svg.querySelector(".pointer")?.remove();
  svg.append(draw("line", { class: "pointer", x1: x, x2: x, y1: 0, y2: figure.clientHeight - 3 }));
}

function bucketName(timestamp) {
  const hourly = RANGES[chosen.range].granularity === "hourly";
  const day = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  const hour = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" };
  return new Intl.DateTimeFormat("en-GB", hourly ? hour : day).format(new Date(timestamp));
}

function leave(figure) {
  figure.querySelector("output")?.remove();
  figure.querySelector(".pointer")?.remove();
}

// What is asked: kept in the address, so that a reload or a link shows the same

const chosen = { range: "day", city: "" };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  chosen.range = Object.hasOwn(RANGES, given.get("range")) ? given.get("range") : "day";
  chosen.city = (given.get("city") ?? "").slice(0, 200);
  // An address that asks for what there is not is put right, so that a copied link says what is shown.
  if (location.hash) writeAddress();
  document.querySelector(`input[name="range"][value="${chosen.range}"]`).checked = true;
  $("city").value = chosen.city;
}

function writeAddress() {
  const address = new URLSearchParams({ range: chosen.range });
  if (chosen.city) address.set("city", chosen.city);
  if (location.hash !== `#${address}`) history.replaceState(null, "", `#${address}`);
}

function choose(change) {
  Object.assign(chosen, change);
  writeAddress();
  readAddress();
  document.body.dataset.empty = "false";
  $("figures").setAttribute("aria-busy", "true");
  for (const name of ENDPOINTS) {
    delete answers[name];
    delete notes[name];
  }
  showNotes();
  presentState();
  askAll();
}

function metricsUrl(name) {
  const range = RANGES[chosen.range];
  const [start, end] = range.bounds(Date.now());
  const parameters = new URLSearchParams({
    start_date: new Date(start).toISOString(),
    end_date: new Date(end).toISOString(),
    granularity: range.granularity,
  });
  if (chosen.city) parameters.set("city", chosen.city);
  return `/v1/metrics/${name}?${parameters}`;
}

// Asking

class Refusal extends Error {
  constructor(problem, status) {
    super(problem?.detail ?? `the server answered ${status}`);
    this.status = status;
  }
}

// Where the API asks for a token, it is kept for this tab alone; never in the address.
const TOKEN_KEY = "openride-token";
let token = sessionStorage.getItem(TOKEN_KEY) ?? "";

function get(url, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(url, { signal, headers, cache: "no-store" });
}

async function answer(url, signal) {
  const response = await get(url, signal);
  if (response.ok) return [await response.json(), notesOf(response)];
  throw new Refusal(await response.json().catch(() => null), response.status);
}

// What an answer cannot say in its figures stands in a header beside it.
function notesOf(response) {
  try {
    return JSON.parse(response.headers.get("X-Notes") ?? "[]").filter((note) => typeof note.detail === "string");
  } catch {
    return [];
  }
}

async function readiness(signal) {
  const response = await fetch("/health/ready", { signal, cache: "no-store" });
  return response.json();
}

async function exposition(signal) {
  const response = await get("/metrics", signal);
  if (!response.ok) throw new Refusal(null, response.status);
  return response.text();
}

function sumOf(text, name) {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) {
      sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return sum;
}

// One thing that is asked again and again at its own pace: a slow answer does not hold the others up.
class Source {
  constructor(name, fetchAll, take) {
    Object.assign(this, { name, fetchAll, take, timer: 0, failures: 0, trouble: null, answeredAt: 0, asking: null });
  }

  async ask() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const asked = (this.asking = new AbortController());
    const giveUp = setTimeout(() => asked.abort(new Error("no answer")), REQUEST_TIMEOUT_MS);
    const whenStarted = performance.now();
    let wait = POLL_MS;
    try {
      const found = await this.fetchAll(asked.signal);
      if (this.asking !== asked) return;
      Object.assign(this, { failures: 0, trouble: null, answeredAt: Date.now() });
      this.take(found);
      // A store that is slow today is not asked more than it can answer.
      wait = Math.max(POLL_MS, 2 * (performance.now() - whenStarted));
    } catch (error) {
      if (this.asking !== asked) return;
      this.failures += 1;
      this.trouble = error;
      wait = Math.min(LONGEST_WAIT_MS, POLL_MS * 2 ** Math.min(this.failures - 1, 4));
    } finally {
      clearTimeout(giveUp);
    }
    presentState();
    // Nobody looks, or nobody may: ask again when somebody does.
    if (!document.hidden && !locked()) this.timer = setTimeout(() => this.ask(), wait);
  }
}

const answers = {};
const notes = {};
const ENDPOINTS = ["trips", "bookings", "users", "payments"];
const sources = ENDPOINTS.map(
  (name) => new Source(name, (signal) => answer(metricsUrl(name), signal), (found) => present(name, ...found)),
);
sources.push(
  new Source("ingest", (signal) => Promise.all([readiness(signal), exposition(signal)]), showIngest),
);

sources.push(new Source("now", (signal) => answer("/v1/metrics/realtime", signal), ([found]) => showNow(found)));

function askAll() {
  for (const source of sources) source.ask();
}

// A token that is missing or not known: asking again without another one is of no use.
const locked = () => sources.some((source) => source.trouble?.status === 401);

function showGate() {
  const wrong = token === "" ? "" : "This token is not known here. Was it copied whole?";
  const isNews = $("gate").hidden || $("gate-wrong").textContent !== wrong;
  $("gate").hidden = false;
  $("gate-wrong").hidden = !wrong;
  $("gate-wrong").textContent = wrong;
  $("token").setAttribute("aria-invalid", String(wrong !== ""));
  if (isNews) $("token").focus();
  setState("locked", "Token needed");
}

function useToken(given) {
  token = given;
  sessionStorage.setItem(TOKEN_KEY, token);
  // What was refused was refused to the former token; a second refusal is said again.
  for (const source of sources) source.trouble = null;
  $("gate-wrong").textContent = "";
  $("token").value = "";
  askAll();
}

function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
  // What it let this page see goes with it.
  location.reload();
}

// Showing

const clockFace = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });

function present(name, found, noted) {
  answers[name] = found;
  notes[name] = noted;
  if (name === "users") found.active = found[RANGES[chosen.range].active];
  showFigures(name, found);
  const now = Date.now();
  const past = (found.time_series ?? []).filter((point) => Date.parse(point.timestamp) <= now);
  spark(document.querySelector(`[data-series="${name}"]`), past);
  if (name === "payments") showMethods(found.by_method);
  if (name === "trips") showSplit(found);
  showNotes();
  showEmpty();
}

// Notes: beside each card those of its answers, and spoken once each, however many cards they stand beside

const SERIES_NOTE = "partial-bucket";
const PLACE_NOTE = "unknown-place";

function noteText(note) {
  if (note.kind !== SERIES_NOTE) return note.detail;
  // Its moments change with every minute, and are true of every line here.
  const bucket = RANGES[chosen.range].granularity === "hourly" ? "hour" : "day";
  return `the ends of the line may cover part of ${bucket === "hour" ? "an" : "a"} ${bucket} only`;
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function showNotes() {
  for (const card of document.querySelectorAll(".card")) {
    const hasLine = card.querySelector(".spark") !== null;
    const own = card.dataset.sources.split(" ").flatMap((name) => notes[name] ?? []);
    const texts = new Set(own.filter((note) => hasLine || note.kind !== SERIES_NOTE).map(noteText));
    const list = card.querySelector(".notes") ?? card.appendChild(document.createElement("ul"));
    list.className = "notes";
    list.hidden = texts.size === 0;
    setLines(list, [...texts]);
  }
  const news = Object.values(notes).flat().filter((note) => note.kind !== SERIES_NOTE);
  setLines($("spoken-notes"), [...new Set(news.map(noteText))]);
}

// Only what changes is touched, so that what was spoken is not spoken again.
function setLines(list, texts) {
  const lines = texts.map(sentence);
  for (const item of [...list.children]) if (!lines.includes(item.textContent)) item.remove();
  const there = [...list.children].map((item) => item.textContent);
  for (const line of lines) {
    if (!there.includes(line)) list.appendChild(document.createElement("li")).textContent = line;
  }
}

function showSplit(trips) {
  const earnings = Number(trips.total_driver_earnings);
  const both = earnings + Number(trips.total_platform_commission);
  $("split").hidden = both === 0;
  if (both === 0) return;
  const share = earnings / both;
  $("split").style.setProperty("--share", String(share));
  $("split-text").textContent = `Drivers keep ${exact.format(100 * share)} % of fares`;
}

function showMethods(methods) {
  const most = Math.max(...methods.map((method) => Number(method.total_revenue)), 0.01);
  const list = $("methods");
  while (list.children.length > methods.length) list.lastElementChild.remove();
  methods.forEach((method, at) => {
    const item = list.children[at] ?? list.appendChild(methodItem());
    item.querySelector(".label").textContent = method.payment_method.replaceAll("_", " ");
    item.querySelector(".count").textContent = `${whole.format(method.payments_success)} paid`;
    show(item.querySelector(".sum"), method.total_revenue);
    item.style.setProperty("--share", String(Number(method.total_revenue) / most));
  });
  list.hidden = methods.length === 0;
  $("no-methods").hidden = methods.length > 0;
}

function methodItem() {
  const [item, name, label, count, sum, bar, fill] = ["li", "span", "span", "span", "span", "div", "i"].map(
    (tag) => document.createElement(tag),
  );
  [name.className, label.className, count.className, sum.className, bar.className] =
    ["name", "label", "count", "sum", "bar"];
  sum.dataset.as = "money";
  name.append(label, count);
  bar.append(fill);
  item.append(name, sum, bar);
  return item;
}

function showNow(found) {
  answers.now = found;
  showFigures("now", found);
  $("now-state").textContent = found.reasons.join("; ");
}

const rates = [];
let counted = null;
let behind = 0;
let ready = null;

function showIngest([readyNow, text]) {
  ready = readyNow;
  const now = performance.now();
  const accepted = sumOf(text, "openride_events_accepted_total");
  const lag = (behind = sumOf(text, "openride_consumer_lag_records"));
  // A worker that was restarted counts from nothing again.
  if (counted && accepted >= counted.accepted) {
    const rate = (accepted - counted.accepted) / ((now - counted.at) / 1000);
    rates.push({ value: rate });
    if (rates.length > RATE_SAMPLES) rates.shift();
    showFigures("ingest", { rate });
  }
  counted = { accepted, at: now };
  showFigures("ingest", { lag, rejected: sumOf(text, "openride_rejects_total") });
  spark(document.querySelector('[data-series="ingest"]'), rates);
  $("ingest-state").textContent = ingestState(lag);
}

function ingestState(lag) {
  if (ready.reasons.length) return ready.reasons.join("; ");
  // Some records are always between being read and being committed.
  return lag > SETTLED_LAG ? "Catching up with the topics" : "Up to date: records are stored within a second or two";
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
    $("empty-title").textContent = `Nothing in ${chosen.city} ${range.words}`;
    const unknown = ENDPOINTS.flatMap((name) => notes[name]).find((note) => note.kind === PLACE_NOTE);
    $("empty-text").textContent = unknown
      ? sentence(noteText(unknown))
      : "Cities are matched exactly as events spell them.";
    action.textContent = "Show every city";
    action.onclick = () => choose({ city: "" });
  } else if (behind > SETTLED_LAG) {
    $("empty-title").textContent = `No rides ${range.words} yet`;
    $("empty-text").textContent = `${whole.format(behind)} records are on the way, the oldest first.`;
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

function presentState() {
  const failed = sources.filter((source) => source.trouble);
  const names = new Set(failed.map((source) => source.name));
  for (const card of document.querySelectorAll(".card")) {
    const needed = card.dataset.sources.split(" ");
    card.dataset.stale = String(needed.some((name) => names.has(name)));
    card.dataset.pending = String(needed.some((name) => name !== "ingest" && !answers[name]));
  }
  const answered = sources.filter((source) => source.answeredAt > 0);
  const oldest = Math.min(...answered.map((source) => source.answeredAt));
  $("since").hidden = answered.length === 0;
  if (answered.length) {
    $("as-of").textContent = `${clockFace.format(oldest)} UTC`;
    $("as-of").dateTime = new Date(oldest).toISOString();
    $("figures").setAttribute("aria-busy", String(answered.length < sources.length));
  }
  $("note").hidden = failed.length === 0 || locked();
  $("forget").hidden = token === "" || locked();
  // A link carries no token.
  $("prometheus").hidden = token !== "" || locked();
  if (locked()) return showGate();
  $("gate").hidden = true;
  if (failed.length) presentFailure(failed);
  else if (ready && ready.status !== "ready") setState("troubled", "Degraded");
  else if (answered.length === sources.length) setState("live", "Live");
  // Some cards are there, and one is still being computed.
  else if (answered.length) setState("loading", "Loading");
}

function presentFailure(failed) {
  const refused = failed.find((source) => source.trouble instanceof Refusal);
  const reason = refused
    ? `The figures cannot be computed now: ${refused.trouble.message}.`
    : "The server cannot be reached.";
  const asOf = $("as-of").dateTime ? ` Greyed figures are as of ${$("as-of").textContent}.` : "";
  $("note-text").textContent = `${reason}${asOf} Trying again by itself.`;
  setState("stale", refused ? "Waiting" : "Disconnected");
  counted = null;
}

function setState(state, word) {
  if (document.body.dataset.state === state && $("status-word").textContent === word) return;
  document.body.dataset.state = state;
  $("status-word").textContent = word;
  // Said once at a change, not at every tick.
  $("spoken").textContent = state === "live" ? "Figures are live" : word;
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
  if (given) useToken(given);
});
$("forget").addEventListener("click", forgetToken);
$("retry").addEventListener("click", askAll);
addEventListener("hashchange", () => {
  readAddress();
  askAll();
});
addEventListener("online", askAll);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) askAll();
});

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) spark(target, series.get(target) ?? []);
});
for (const figure of document.querySelectorAll(".spark")) {
  sizes.observe(figure);
  figure.addEventListener("pointermove", (event) => pointAt(figure, event));
  figure.addEventListener("pointerleave", () => leave(figure));
}

readAddress();
askAll();
