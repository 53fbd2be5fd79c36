// Asking the API, each thing at its own pace.

import { contact, doubt, heard, probe, toldAt } from "./contact.js";

const POLL_MS = 2_000;
const LONGEST_WAIT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 20_000;
// A browser opens six connections to a server: what takes a longer look may not have them all.
const MOST_SLOW = 4;

export class Refusal extends Error {
  constructor(problem, status) {
    super(typeof problem?.detail === "string" ? problem.detail : `the server answered ${status}`);
    this.status = status;
  }
}

// An answer that is none of the API: half of one, or that of something in between.
export class Unreadable extends Error {}

export class Late extends Error {}

// Where the API asks for a token, it is kept for this tab alone; never in the address.
const TOKEN_KEY = "openride-token";
let token = sessionStorage.getItem(TOKEN_KEY) ?? "";

async function get(url, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const response = await fetch(url, { signal, headers, cache: "no-store" });
    heard(response);
    return response;
  } catch (error) {
    if (!signal.aborted) doubt();
    throw error;
  }
}

export async function answer(url, signal) {
  const response = await get(url, signal);
  if (response.ok) {
    const found = await told(response);
    return [found, notesOf(response), asOfOf(found, response)];
  }
  throw new Refusal(await response.json().catch(() => null), response.status);
}

async function told(response) {
  try {
    return await response.json();
  } catch (error) {
    throw error instanceof SyntaxError ? new Unreadable() : error;
  }
}

// Up to when an answer has what it is about, in milliseconds: live ones say so (null: the tables are still being
// read), others are as of when they were made.
function asOfOf(found, response) {
  if (found?.as_of === null) return null;
  const said = [found?.as_of, found?.timestamp].map(Date.parse).find((moment) => !Number.isNaN(moment));
  return said ?? toldAt(response);
}

// What an answer cannot say in its figures stands in a header beside it.
function notesOf(response) {
  try {
    return JSON.parse(response.headers.get("X-Notes") ?? "[]").filter((note) => typeof note?.detail === "string");
  } catch {
    return [];
  }
}

// A worker that is not ready says why, as 503.
export async function readiness(signal) {
  const response = await get("/health/ready", signal);
  const found = await told(response);
  if (!Array.isArray(found?.reasons)) throw new Refusal(null, response.status);
  return [found, [], toldAt(response)];
}

export const answers = {};
export const notes = {};
export const sources = [];

// A token that is missing or not known: asking again without another one is of no use.
export const locked = () => sources.some((source) => source.trouble?.status === 401);

let running = 0;
const waiting = [];

// A place among the few that take a longer look, to be given back; false when it is no longer wanted.
function turn(signal) {
  return new Promise((resolve) => {
    const go = () => {
      running += 1;
      resolve(true);
    };
    if (running < MOST_SLOW) return go();
    waiting.push(go);
    signal.addEventListener("abort", () => {
      if (!waiting.includes(go)) return;
      waiting.splice(waiting.indexOf(go), 1);
      resolve(false);
    });
  });
}

function giveBack() {
  running -= 1;
  waiting.shift()?.();
}

// One thing that is asked again and again at its own pace: a slow answer does not hold the others up.
// `answered`: it was at least once; `asOf`: up to when the last answer has what it is about, null when it does not know.
export class Source {
  constructor(name, fetchAll, take, everyMs = POLL_MS, isSlow = false) {
    Object.assign(this, { name, fetchAll, take, everyMs, isSlow });
    Object.assign(this, { timer: 0, failures: 0, trouble: null, answered: false, asOf: null, asking: null, askedAt: Infinity });
  }

  // Called after each answer and each failure.
  static changed = () => {};

  async ask() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const asked = (this.asking = new AbortController());
    if (this.isSlow && !(await turn(asked.signal))) return;
    let wait;
    try {
      wait = await this.askNow(asked);
    } finally {
      if (this.isSlow) giveBack();
    }
    if (wait === null || this.asking !== asked) return;
    this.askedAt = Infinity;
    Source.changed();
    // Nobody looks, or nobody may: ask again when somebody does. Nobody answers: when the server is heard again.
    if (!document.hidden && !locked() && contact.why === null) this.timer = setTimeout(() => this.ask(), wait);
  }

  // How long to wait before it is asked again.
  async askNow(asked) {
    const giveUp = setTimeout(() => asked.abort(new Late()), REQUEST_TIMEOUT_MS);
    const whenStarted = (this.askedAt = performance.now());
    try {
      const found = await this.fetchAll(asked.signal);
      if (this.asking !== asked) return null;
      this.show(found);
      Object.assign(this, { failures: 0, trouble: null, answered: true, asOf: found[2] });
      // A store that is slow today is not asked more than it can answer.
      return Math.max(this.everyMs, 2 * (performance.now() - whenStarted));
    } catch (error) {
      if (this.asking !== asked) return null;
      this.failures += 1;
      this.trouble = error;
      // Another role would be needed: that does not change by itself.
      if (error.status === 403) return LONGEST_WAIT_MS;
      return Math.min(LONGEST_WAIT_MS, POLL_MS * 2 ** Math.min(this.failures - 1, 4));
    } finally {
      clearTimeout(giveUp);
    }
  }

  // What is no answer of the API must not stay: it would be drawn again and again.
  show(found) {
    try {
      this.take(found);
    } catch (error) {
      delete answers[this.name];
      throw new Unreadable("", { cause: error });
    }
  }

  // No longer wait for an answer.
  giveUp() {
    clearTimeout(this.timer);
    this.asking?.abort();
    Object.assign(this, { asking: null, askedAt: Infinity });
  }
}

export const pendingSince = () => sources.reduce((least, source) => Math.min(least, source.askedAt), Infinity);

export function askAll() {
  if (contact.why === null) for (const source of sources) source.ask();
  else probe();
}

// Ask nothing again until `askAll`.
export function rest() {
  for (const source of sources) clearTimeout(source.timer);
}

export function giveUpAll() {
  for (const source of sources) source.giveUp();
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
