// Asking the API, each thing at its own pace.

const POLL_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 20_000;

export class Refusal extends Error {
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

export async function answer(url, signal) {
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

export async function readiness(signal) {
  const response = await fetch("/health/ready", { signal, cache: "no-store" });
  return response.json();
}

export async function exposition(signal) {
  const response = await get("/metrics", signal);
  if (!response.ok) throw new Refusal(null, response.status);
  return response.text();
}

export function sumOf(text, name) {
  let sum = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) {
      sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return sum;
}

export const answers = {};
export const notes = {};
export const sources = [];

// A token that is missing or not known: asking again without another one is of no use.
export const locked = () => sources.some((source) => source.trouble?.status === 401);

// One thing that is asked again and again at its own pace: a slow answer does not hold the others up.
export class Source {
  constructor(name, fetchAll, take, everyMs = POLL_MS) {
    Object.assign(this, { name, fetchAll, take, everyMs });
    Object.assign(this, { timer: 0, failures: 0, trouble: null, answeredAt: 0, asking: null });
  }

  // Called after each answer and each failure.
  static changed = () => {};

  async ask() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const asked = (this.asking = new AbortController());
    const giveUp = setTimeout(() => asked.abort(new Error("no answer")), REQUEST_TIMEOUT_MS);
    const whenStarted = performance.now();
    let wait = this.everyMs;
    try {
      const found = await this.fetchAll(asked.signal);
      if (this.asking !== asked) return;
      Object.assign(this, { failures: 0, trouble: null, answeredAt: Date.now() });
      this.take(found);
      // A store that is slow today is not asked more than it can answer.
      wait = Math.max(this.everyMs, 2 * (performance.now() - whenStarted));
    } catch (error) {
      if (this.asking !== asked) return;
      this.failures += 1;
      this.trouble = error;
      // Another role would be needed: that does not change by itself.
      if (error.status === 403) wait = LONGEST_WAIT_MS;
      else wait = Math.min(LONGEST_WAIT_MS, POLL_MS * 2 ** Math.min(this.failures - 1, 4));
    } finally {
      clearTimeout(giveUp);
    }
    Source.changed();
    // Nobody looks, or nobody may: ask again when somebody does.
    if (!document.hidden && !locked()) this.timer = setTimeout(() => this.ask(), wait);
  }
}

export function askAll() {
  for (const source of sources) source.ask();
}

export const hasToken = () => token !== "";

export function useToken(given) {
  token = given;
  sessionStorage.setItem(TOKEN_KEY, token);
  // What was refused was refused to the former token.
  for (const source of sources) source.trouble = null;
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
  // What it let this page see goes with it.
  location.reload();
}
