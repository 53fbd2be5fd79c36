// What came in: who keeps how much of it, and by which method it was paid.

import { $, exact, finite, make, show, whole } from "./kit.js";

export function showSplit(trips) {
  const earnings = finite(trips.total_driver_earnings);
  const both = earnings + finite(trips.total_platform_commission);
  $("split").hidden = both === 0;
  if (both === 0) return;
  const share = earnings / both;
  $("split").style.setProperty("--share", String(share));
  $("split-text").textContent = `Drivers keep ${exact.format(100 * share)} % of fares`;
}

export function showMethods(methods) {
  const most = Math.max(...methods.map((method) => finite(method.total_revenue)), 0.01);
  const list = $("methods");
  while (list.children.length > methods.length) list.lastElementChild.remove();
  methods.forEach((method, at) => {
    const item = list.children[at] ?? list.appendChild(methodItem());
    item.querySelector(".label").textContent = String(method.payment_method).replaceAll("_", " ");
    item.querySelector(".count").textContent = `${whole.format(method.payments_success)} paid`;
    show(item.querySelector(".sum"), method.total_revenue);
    item.style.setProperty("--share", String(finite(method.total_revenue) / most));
  });
  list.hidden = methods.length === 0;
  $("no-methods").hidden = methods.length > 0;
}

function methodItem() {
  const span = (className, data = {}) => make("span", { className, data });
  const name = make("span", { className: "name" }, span("label"), span("count"));
  return make("li", {}, name, span("sum", { as: "money" }), make("div", { className: "bar" }, make("i")));
}
