// Every card as a table, to be read as one, and as a file.

import { $, make, moment } from "./kit.js";
import { chosen } from "./chosen.js";
import { answers, sources } from "./asking.js";
import { serverNow } from "./contact.js";
import { hereOf } from "./live.js";
import { tiersInRows } from "./schedules.js";

const scalars = (found) => Object.entries(found ?? {})
  .filter(([, value]) => typeof value === "number" || typeof value === "string")
  .map(([figure, value]) => [figure, value]);

function records(list) {
  if (!list?.length) return null;
  const fields = Object.keys(list[0]);
  return [fields, ...list.map((one) => fields.map((field) => one[field]))];
}

const figures = (found) => found && [["figure", "value"], ...scalars(found)];

const overTime = (found) => found && [
  ["figure", "timestamp", "value"],
  ...scalars(found).map(([figure, value]) => [figure, "", value]),
  ...(found.time_series ?? []).map((point) => ["time_series", point.timestamp, point.value]),
];

function cohortRows(found) {
  if (!found?.cohorts.length) return null;
  const periods = Object.keys(found.cohorts[0].retention_by_period);
  return [
    ["cohort_period", "cohort_size", ...periods],
    ...found.cohorts.map((one) =>
      [one.cohort_period, one.cohort_size, ...periods.map((name) => one.retention_by_period[name])]),
  ];
}

const ingestRows = (found, flow) => found && [
  ["figure", "timestamp", "value"],
  ...scalars(found).map(([figure, value]) => [figure, "", value]),
  ...(flow?.minutes ?? []).flatMap(({ timestamp, ...minute }) =>
    Object.entries(minute).map(([figure, value]) => [figure, timestamp, value])),
];

// What the figures of each card are, field by field as the API names them.
const ROWS = {
  now: () => figures(chosen.city ? answers.cities && hereOf(answers.cities) : answers.now),
  minutes: () => records(answers.minutes?.minutes),
  map: () => records(answers.drivers?.drivers),
  zones: () => records(answers.zones?.zones),
  cities: () => records(answers.cities?.cities),
  trips: () => overTime(answers.trips),
  bookings: () => overTime(answers.bookings),
  people: () => overTime(answers.users),
  payments: () => overTime(answers.payments),
  money: () => answers.payments && answers.trips && answers.bookings && [
    ["figure", "value"], ...scalars(answers.payments), ...scalars(answers.trips), ...scalars(answers.bookings),
  ],
  methods: () => records(answers.payments?.by_method),
  ingest: () => ingestRows(answers.ingest, answers.flow),
  tiers: () => records(answers.queues?.tiers),
  scheduler: () => tiersInRows(answers.scheduler),
  funnel: () => records(answers.funnel?.steps),
  cohort: () => cohortRows(answers.cohort),
  routes: () => records(answers.routes?.routes),
  best: () => records(answers.best?.drivers),
};

// RFC 4180. A spreadsheet takes what begins so for a formula: producers choose the names of routes and cities.
function quoted(value) {
  const text = value === null || value === undefined || typeof value === "object" ? "" : String(value);
  const isFormula = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text));
  const harmless = isFormula ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function csvOf(name) {
  const rows = ROWS[name]?.();
  return rows && rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

function save(name) {
  const text = csvOf(name);
  if (!text) return;
  const address = URL.createObjectURL(new Blob(["\uFEFF", text], { type: "text/csv;charset=utf-8" }));
  const now = new Date(serverNow()).toISOString().slice(0, 19).replaceAll(":", "-");
  const place = chosen.city ? `-${chosen.city.replaceAll(/[^\p{L}\p{N}]+/gu, "_")}` : "";
  make("a", { href: address, download: `openride-${name}-${chosen.range}${place}-${now}Z.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function open(name, title) {
  const rows = ROWS[name]?.();
  if (!rows) return;
  const [head, ...body] = rows;
  $("table-title").textContent = title;
  $("table-head").replaceChildren(...head.map((text) => make("th", { scope: "col", textContent: text })));
  const cell = (value) => make("td", { textContent: value ?? "" });
  $("table-rows").replaceChildren(...body.map((row) => make("tr", {}, ...row.map(cell))));
  $("table-save").onclick = () => save(name);
  $("table").showModal();
}

// A card may hold answers of two kinds.
const PARTS = { map: "Drivers", zones: "Zones" };

export function addFeet() {
  for (const card of document.querySelectorAll("[data-panel]")) {
    const title = card.querySelector("h2");
    const button = (name, text, label, onclick) => make("button", {
      type: "button", textContent: text, data: { rows: name }, ariaLabel: `${title.textContent}: ${label}`, onclick,
    });
    const buttons = card.dataset.panel.split(" ").flatMap((name) => {
      const [part, of] = PARTS[name] ? [PARTS[name], `, ${PARTS[name].toLowerCase()}`] : ["Table", ""];
      return [
        button(name, part, `show as a table${of}`, () => open(name, `${title.textContent}${of}`)),
        button(name, "CSV", `save as CSV${of}`, () => save(name)),
      ];
    });
    card.append(make("p", { className: "foot" }, make("span", { className: "of" }), ...buttons));
  }
  $("table-close").onclick = () => $("table").close();
}

// What can be scrolled is reached with the keyboard; what cannot takes no stop on the way.
const scrolls = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const box = target.closest(".scroll");
    if (box.scrollWidth > box.clientWidth) Object.assign(box, { tabIndex: 0, role: "group" });
    else for (const name of ["tabindex", "role"]) box.removeAttribute(name);
  }
});

export function watchScrolls() {
  for (const box of document.querySelectorAll(".card .scroll")) {
    box.setAttribute("aria-labelledby", box.closest(".card").querySelector("h2").id);
    for (const one of [box, box.firstElementChild]) scrolls.observe(one);
  }
}

function hasRows(name) {
  try {
    return Boolean(ROWS[name]());
  } catch {
    return false;
  }
}

// Up to when each card's answers have what they are about, and which of them may not be had.
export function presentFeet() {
  for (const card of document.querySelectorAll("[data-panel]")) {
    const own = sources.filter((source) => card.dataset.sources.split(" ").includes(source.name));
    const refused = own.find((source) => source.trouble?.status === 403);
    card.dataset.refused = String(refused !== undefined);
    card.querySelector(".of").textContent = refused ? "Only for the role analyst: your token has another" : ageOf(own);
    for (const button of card.querySelectorAll(".foot button")) button.disabled = !hasRows(button.dataset.rows);
  }
}

function ageOf(own) {
  if (!own.every((source) => source.answered)) return "";
  const isKnown = own.every((source) => source.asOf !== null);
  return isKnown ? `as of ${moment(Math.min(...own.map((source) => source.asOf)), serverNow())}` : "tables are being read";
}
