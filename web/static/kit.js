// Numbers as people read them, figures that move, and elements.

export const DAY_MS = 86_400_000;
export const MINUTE_MS = 60_000;
const TWEEN_MS = 650;

export const $ = (id) => document.getElementById(id);
export const calm = matchMedia("(prefers-reduced-motion: reduce)");
export const currency = document.querySelector('meta[name="currency"]').content;

// What is missing, or is no number, is shown as such and breaks nothing.
const isFigure = (value) => (typeof value === "number" || (typeof value === "string" && value.trim() !== "")) &&
  Number.isFinite(Number(value));
export const finite = (value) => (isFigure(value) ? Number(value) : 0);

const MISSING = "–";

function numbers(options) {
  const face = new Intl.NumberFormat("en", options);
  return { format: (value) => (isFigure(value) ? face.format(value).replace("-", "\u2212") : MISSING) };
}

const withUnit = (face, unit) => (value) => (isFigure(value) ? `${face.format(value)} ${unit}` : MISSING);

export const whole = numbers({ maximumFractionDigits: 0 });
export const fine = numbers({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const exact = numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cash = numbers({ style: "currency", currency, currencyDisplay: "narrowSymbol" });

const HOUR_MS = 60 * MINUTE_MS;
const LENGTHS = [
  [48 * HOUR_MS, (ms) => `${whole.format(ms / DAY_MS)} days`],
  [1.5 * HOUR_MS, (ms) => `${fine.format(ms / HOUR_MS)} h`],
  [1.5 * MINUTE_MS, (ms) => `${fine.format(ms / MINUTE_MS)} min`],
  [-Infinity, (ms) => FORMATS.ms(ms)],
];

export const FORMATS = {
  count: (value) => whole.format(value),
  percent: withUnit(exact, "%"),
  minutes: withUnit(fine, "min"),
  km: withUnit(fine, "km"),
  ms: (value) => (value >= 10_000 ? withUnit(fine, "s")(value / 1000) : withUnit(whole, "ms")(value)),
  duration: (ms) => LENGTHS.find(([least]) => finite(ms) >= least)[1](ms),
  rate: (value) => (value < 10 && value > 0 ? fine.format(value) : whole.format(value)),
  // The string goes to the formatter as it is: no cent is lost on the way.
  money: (value) => cash.format(value),
};

// Figures: each element shows one, and moves softly from the last value to the next

const shown = new WeakMap();

export function show(element, value) {
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
  if (!isFigure(value) || !isFigure(before.value)) {
    element.textContent = format(value);
    return;
  }
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

export function showFigures(group, figures) {
  for (const element of document.querySelectorAll(`[data-figure^="${group}."]`)) {
    const value = figures[element.dataset.figure.slice(group.length + 1)];
    if (value !== undefined) show(element, value);
  }
}

// What is drawn grows with the letters: in pixels, of a length in rem.
export const rem = (length) => length * parseFloat(getComputedStyle(document.documentElement).fontSize);

// Elements: text from the server is only ever set as text

const SVG = "http://www.w3.org/2000/svg";

export function draw(kind, attributes) {
  const node = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function make(tag, { data, style, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(style ?? {})) element.style.setProperty(name, value);
  element.append(...children);
  return element;
}

// A name may be written from right to left: around it the line goes on as it was.
const TURNS = /[\u0590-\u08FF\u200E\u200F\u202A-\u202E\u2066-\u2069\uFB1D-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
export const isolated = (text) => (TURNS.test(text) ? `\u2068${text}\u2069` : text);

// Cut between what people take for letters.
export function shortened(text, most) {
  const letters = [...new Intl.Segmenter().segment(text.slice(0, 40 * most))].map((one) => one.segment);
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function clock(timestamp) {
  return minuteFace.format(new Date(timestamp));
}

const minuteFace = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });

// A moment in UTC as `as of` tells it: with its day where that is not the day of `now`.
export function moment(at, now) {
  const isOfToday = Math.floor(at / DAY_MS) === Math.floor(now / DAY_MS);
  return `${(isOfToday ? secondFace : dayFace).format(at)} UTC`;
}

const secondFace = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });
const dayFace = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZone: "UTC",
});

// A place in the city picker, the address and the tables: what has none is called so.
export const NOWHERE = "no place";
