// The scheduler: how long executions wait now, and how they went of late.

import { $, exact, FORMATS, isolated, make, show, whole } from "./kit.js";
import { answers } from "./asking.js";

const TIERS = { mongo_periodic: "Periodic", clickhouse_delayed: "Delayed", redis_immediate: "Immediate" };
const QUANTILES = ["p50_ms", "p95_ms", "p99_ms"];

export function showQueues(found) {
  answers.queues = found;
  const body = $("tiers");
  if (!body.children.length) {
    for (const { tier } of found.tiers) {
      const cells = ["count", ...QUANTILES].map((field) =>
        make("td", { data: { tier, field, as: field === "count" ? "count" : "ms" } }));
      body.append(make("tr", {}, make("th", { scope: "row", textContent: TIERS[tier] }), ...cells));
    }
  }
  for (const cell of body.querySelectorAll("td")) {
    const waits = found.tiers.find((one) => one.tier === cell.dataset.tier);
    if (waits.count === 0 && cell.dataset.field !== "count") cell.textContent = "–";
    else show(cell, waits[cell.dataset.field]);
  }
  $("tiers-none").hidden = found.tiers.some((one) => one.count > 0);
}

const { duration } = FORMATS;

export function showScheduler(found) {
  answers.scheduler = found;
  const ran = found.overall.total_records > 0;
  $("scheduler-none").hidden = ran;
  $("scheduler-table").hidden = !ran;
  $("scheduler").replaceChildren(...Object.entries(TIERS).map(([tier, name]) => row(name, found.tiers[tier])));
  const { chains, total_time: way, slowest_hop: slowest } = found.end_to_end;
  $("scheduler-way").textContent = way.count
    ? `From due to done: half within ${duration(way.p50_ms)}, 95 % within ${duration(way.p95_ms)}, of ` +
      `${whole.format(way.count)} (${whole.format(chains)} began). Slowest part: ${slowest.replaceAll("_", " ")}.`
    : "";
  showStuck(found.stuck_schedules);
}

function row(name, tier) {
  const state = make("small", { className: tier.status, textContent: (tier.reasons[0] ?? tier.status).replaceAll("_", " ") });
  const ended = tier.success_count + tier.failure_count > 0;
  const cells = [
    whole.format(tier.total_records),
    ended ? `${exact.format(tier.success_rate)} %` : "–",
    whole.format(tier.error_count),
    whole.format(tier.retries),
    tier.queue_time.count ? duration(tier.queue_time.p95_ms) : "–",
    tier.processing_time.count ? duration(tier.processing_time.p95_ms) : "–",
  ];
  const head = make("th", { scope: "row" }, make("span", { textContent: name }), state);
  return make("tr", {}, head, ...cells.map((textContent) => make("td", { textContent })));
}

function showStuck(stuck) {
  const listed = stuck.slice(0, 5).map((one) => `${isolated(one.schedule_name ?? one.schedule_id)}: not seen for ` +
    `${duration(one.silent_ms)}, due every ${duration(one.expected_every_ms)}` +
    (one.last_node ? `, last on ${one.last_node}` : ""));
  if (stuck.length > listed.length) listed.push(`and ${whole.format(stuck.length - listed.length)} more`);
  $("scheduler-stuck").replaceChildren(...listed.map((textContent) => make("li", { textContent })));
}

export const tiersInRows = (found) => found && [
  ["tier", "status", "total_records", "success_rate", "error_count", "retries",
    ...QUANTILES.map((name) => `queue_time_${name}`), ...QUANTILES.map((name) => `processing_time_${name}`)],
  ...Object.entries(found.tiers).map(([tier, one]) => [
    tier, one.status, one.total_records, one.success_rate, one.error_count, one.retries,
    ...QUANTILES.map((name) => one.queue_time[name]), ...QUANTILES.map((name) => one.processing_time[name]),
  ]),
];
