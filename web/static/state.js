// How the page as a whole is doing: live, waiting for an answer or for a token, out of contact.

import { $, moment } from "./kit.js";
import { answers, hasToken, Late, locked, Refusal, sources, Unreadable } from "./asking.js";
import { spanInWords } from "./chosen.js";
import { contact, serverNow } from "./contact.js";
import { ready } from "./ingest.js";
import { presentFeet } from "./tables.js";

export function presentState() {
  presentFeet();
  // What another role may see is missing from its card alone.
  const failed = sources.filter((source) => source.trouble && source.trouble.status !== 403);
  const names = new Set((contact.why === null ? failed : sources).map((source) => source.name));
  const isFailing = failed.length > 0 || contact.why !== null;
  for (const card of document.querySelectorAll(".card")) {
    const needed = card.dataset.sources.split(" ");
    card.dataset.stale = String(needed.some((name) => names.has(name)));
    card.dataset.pending = String(card.dataset.refused !== "true" && needed.some((name) => !answers[name]));
  }
  const permitted = sources.filter((source) => source.trouble?.status !== 403);
  const answered = permitted.filter((source) => source.answered);
  const oldest = Math.min(...answered.map((source) => source.asOf ?? Infinity));
  $("span").textContent = spanInWords();
  $("since").hidden = oldest === Infinity;
  if (oldest !== Infinity) {
    $("as-of").textContent = moment(oldest, serverNow());
    $("as-of").dateTime = new Date(oldest).toISOString();
  }
  if (answered.length) $("figures").setAttribute("aria-busy", String(answered.length < permitted.length));
  $("note").hidden = !isFailing || locked();
  $("forget").hidden = !hasToken() || locked();
  // A link carries no token.
  $("prometheus").hidden = hasToken() || locked();
  if (locked()) return showGate();
  $("gate").hidden = true;
  if (isFailing) presentFailure(failed);
  else if (isTroubled()) setState("troubled", "Degraded");
  else if (answered.length === permitted.length) setState("live", "Live");
  // Some cards are there, and one is still being computed.
  else if (answered.length) setState("loading", "Loading");
}

function presentFailure(failed) {
  const [reason, word] = failureOf(failed.map((source) => source.trouble));
  const asOf = $("as-of").dateTime ? ` Greyed figures are as of ${$("as-of").textContent}.` : "";
  const text = `${reason}${asOf} Trying again by itself.`;
  if ($("note-text").textContent !== text) $("note-text").textContent = text;
  setState("stale", word);
}

// The worker that answers may be well while the system is not, and the other way round.
const isTroubled = () => (ready && ready.status !== "ready") || (answers.now && answers.now.system_health !== "healthy");

function failureOf(troubles) {
  const since = moment(contact.sinceMs, serverNow());
  if (contact.why === "silent") return [`The server has not answered since ${since}.`, "No answer"];
  if (contact.why === "away") return [`The server cannot be reached since ${since}.`, "Disconnected"];
  const refused = troubles.find((trouble) => trouble instanceof Refusal);
  if (refused) return [`The figures cannot be computed now: ${refused.message}.`, "Waiting"];
  if (troubles.some((trouble) => trouble instanceof Unreadable)) {
    return ["Some answers cannot be read: something between this page and the server may have changed them.", "Waiting"];
  }
  if (troubles.some((trouble) => trouble instanceof Late)) return ["Some figures take too long.", "Waiting"];
  return ["Some figures cannot be had.", "Waiting"];
}

function setState(state, word) {
  if (document.body.dataset.state === state && $("status-word").textContent === word) return;
  document.body.dataset.state = state;
  $("status-word").textContent = word;
  // Said once at a change, not at every tick.
  $("spoken").textContent = state === "live" ? "Figures are live" : word;
}

function showGate() {
  const wrong = !hasToken() ? "" : "This token is not known here. Was it copied whole?";
  const isNews = $("gate").hidden || $("gate-wrong").textContent !== wrong;
  $("gate").hidden = false;
  $("gate-wrong").hidden = !wrong;
  $("gate-wrong").textContent = wrong;
  $("token").setAttribute("aria-invalid", String(wrong !== ""));
  if (isNews) $("token").focus();
  setState("locked", "Token needed");
}

