// Numbers as people read them, figures that move, and elements.

export const DAY_MS = 86_400_000;
export const MINUTE_MS = 60_000;
const TWEEN_MS = 650;

export const $ = (id) => document.getElementById(id);
export const calm = matchMedia("(prefers-reduced-motion: reduce)");
export const currency = document.querySelector('meta[name="currency"]').content;

export const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const fine = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const exact = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const cash = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" });

// Waits take milliseconds, a replay of another month comes weeks late.
function duration(ms) {
  if (ms < 10_000) return `${whole.format(ms)} ms`;
  if (ms < 10 * MINUTE_MS) return `${fine.format(ms / 1000)} s`;
  if (ms < DAY_MS) return `${fine.format(ms / 60 / MINUTE_MS)} h`;
  return `${fine.format(ms / DAY_MS)} days`;
}

export const FORMATS = {
  count: (value) => whole.format(value),
  percent: (value) => `${exact.format(value)} %`,
  minutes: (value) => `${fine.format(value)} min`,
  km: (value) => `${fine.format(value)} km`,
  ms: duration,
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

export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function clock(timestamp) {
  return minuteFace.format(new Date(timestamp));
}

const minuteFace = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "UTC" });

// A place in the city picker, the address and the tables: what has none is called so.
export const NOWHERE = "no place";
