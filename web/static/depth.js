// What takes a longer look: the funnel, who comes back, the best routes and drivers.

import { $, exact, finite, FORMATS, isolated, make, whole } from "./kit.js";
import { answers } from "./asking.js";

const STEPS = {
  registered: "Registered",
  "booking.created": "Booked",
  "payment.initiated": "Began to pay",
  "payment.success": "Paid",
  "trip.completed": "Rode",
};

export function showFunnel(found) {
  answers.funnel = found;
  const [first] = found.steps;
  $("funnel-none").hidden = first.count > 0;
  $("funnel").hidden = first.count === 0;
  $("funnel").replaceChildren(...found.steps.map((step) => {
    const name = make("span", { className: "label", textContent: Object.hasOwn(STEPS, step.step_name) ? STEPS[step.step_name] : step.step_name });
    const count = make("span", { className: "sum", textContent: whole.format(step.count) });
    const rate = make("span", { className: "count", textContent: `${exact.format(step.conversion_rate)} %` });
    const bar = make("div", { className: "bar" }, make("i"));
    const share = { "--share": finite(step.conversion_rate) / 100 };
    return make("li", { style: share }, make("span", { className: "name" }, name, rate), count, bar);
  }));
}

const PERIODS = { daily: "Day", weekly: "Week", monthly: "Month" };

export function showCohorts(found, type) {
  answers.cohort = { ...found, type };
  const cohorts = found.cohorts.filter((cohort) => cohort.cohort_size > 0);
  $("cohort-none").hidden = cohorts.length > 0;
  $("cohort").hidden = cohorts.length === 0;
  if (!cohorts.length) return;
  const periods = Object.keys(cohorts[0].retention_by_period);
  const heads = ["Registered", "Users", ...periods.map((_, place) => `${PERIODS[type]} ${place}`)];
  $("cohort-head").replaceChildren(...heads.map((text) => make("th", { scope: "col", textContent: text })));
  $("cohort-rows").replaceChildren(...cohorts.map((cohort) => make("tr", {},
    make("th", { scope: "row", textContent: cohort.cohort_period }),
    make("td", { textContent: whole.format(cohort.cohort_size) }),
    ...periods.map((period) => heat(cohort.retention_by_period[period])),
  )));
}

function heat(rate) {
  if (rate === null || rate === undefined) return make("td", { className: "heat open", title: "This period has not ended" });
  return make("td", {
    className: rate >= 55 ? "heat strong" : "heat", style: { "--heat": `${Math.round(rate)}%` },
    textContent: `${whole.format(rate)} %`,
  });
}

export function showRoutes(found) {
  answers.routes = found;
  rank("routes", found.routes, (route) => [
    [route.route_name ?? route.route_id.slice(0, 8), places(route)],
    whole.format(route.total_bookings), FORMATS.money(route.total_revenue),
    route.avg_occupancy === null ? "–" : `${whole.format(100 * route.avg_occupancy)} %`,
  ], 1, (route) => route.total_bookings);
}

const places = (route) => [route.origin_city, route.destination_city].filter(Boolean).map(isolated).join(" → ");

export function showBest(found) {
  answers.best = found;
  rank("best", found.drivers, (driver) => [
    [driver.driver_id.slice(0, 8), `${whole.format(driver.active_days)} ${driver.active_days === 1 ? "day" : "days"}, ${FORMATS.km(driver.total_distance_km)}`],
    whole.format(driver.total_trips), FORMATS.money(driver.total_earnings), FORMATS.money(driver.avg_earnings_per_trip),
  ], 2, (driver) => driver.total_earnings);
}

// The column at `place` has a bar of what the rows are in order of.
function rank(id, rows, cells, place, weight) {
  const most = Math.max(1e-9, ...rows.map((row) => finite(weight(row))));
  $(`${id}-none`).hidden = rows.length > 0;
  $(`${id}-table`).hidden = rows.length === 0;
  $(id).replaceChildren(...rows.map((row) => {
    const [[name, more], ...others] = cells(row);
    const head = make("th", { scope: "row" }, make("span", { dir: "auto", textContent: name }), make("small", { dir: "auto", textContent: more }));
    const made = others.map((text) => make("td", {}, make("span", { textContent: text })));
    made[place - 1].className = "share";
    made[place - 1].style.setProperty("--share", String(finite(weight(row)) / most));
    return make("tr", {}, head, ...made);
  }));
}
