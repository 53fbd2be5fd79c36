// Notes: beside each card those of its answers, and spoken once each, however many cards they stand beside.

import { $, make, sentence } from "./kit.js";
import { chosen, RANGES } from "./chosen.js";
import { notes } from "./asking.js";

const SERIES_NOTE = "partial-bucket";
const WINDOW_NOTE = "open-window";
export const PLACE_NOTE = "unknown-place";

export function noteText(note) {
  // Their moments change with every minute, and are true of every line here.
  if (note.kind === WINDOW_NOTE) return "who registered lately still has time: the later steps may grow";
  if (note.kind !== SERIES_NOTE) return note.detail;
  const bucket = RANGES[chosen.range].granularity === "hourly" ? "hour" : "day";
  return `the ends of the line may cover part of ${bucket === "hour" ? "an" : "a"} ${bucket} only`;
}

export function showNotes() {
  for (const card of document.querySelectorAll(".card")) {
    const hasLine = card.querySelector(".spark") !== null;
    const own = card.dataset.sources.split(" ").flatMap((name) => notes[name] ?? []);
    const texts = new Set(own.filter((note) => hasLine || note.kind !== SERIES_NOTE).map(noteText));
    const list = card.querySelector(".notes") ?? make("ul", { className: "notes" });
    if (!list.isConnected) card.querySelector(".foot").before(list);
    list.hidden = texts.size === 0;
    setLines(list, [...texts]);
  }
  const always = [SERIES_NOTE, WINDOW_NOTE];
  const news = Object.values(notes).flat().filter((note) => !always.includes(note.kind));
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
