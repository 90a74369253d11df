// What is read rather than changed: the cue sheet, the figures, the reasons.
import { clock, make, say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

function panel(name, id, ...children) {
  return make("section.panel", { "aria-labelledby": id }, make("h2", { id }, say(name)), ...children);
}

/** A share as a bar, with chance as a tick on it. */
function bar(value, chance) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const piece = (kind, x, y, width, height) => {
    const rect = document.createElementNS(SVG, "rect");
    for (const [name, at] of Object.entries({ x, y, width, height })) rect.setAttribute(name, at);
    rect.setAttribute("class", kind);
    svg.append(rect);
  };
  piece("track", 0, 4, 100, 2);
  piece("value", 0, 2, Math.max(0, Math.min(1, value)) * 100, 6);
  piece("chance", Math.max(0, Math.min(0.995, chance)) * 100, 0, 0.6, 10);
  return svg;
}

/** Sync beside chance. */
export function figures({ document: papers }) {
  const sync = papers.sync;
  if (!sync) return null;
  const shares = ["hit_rate_1f", "recall", "beat_alignment", "precision", "rhythm_consistency"].filter((name) => sync[name]);
  const percent = (value) => `${Math.round(value * 100)} %`;
  const rows = shares.map((name) => {
    const { value, chance } = sync[name];
    return make("div.figure", {}, make("p", {}, make("span", {}, say(`sync.${name}`)), make("b", {}, percent(value))), bar(value, chance), make("small", {}, say("sync.chance", { value: percent(chance) })));
  });
  if (sync.median_offset_ms && sync.hits) {
    const { value } = sync.median_offset_ms;
    rows.push(make("div.figure", {}, make("p", {}, make("span", {}, say("sync.median_offset_ms")), make("b", {}, say("cues.ms", { ms: `${value > 0 ? "+" : ""}${value.toFixed(0)}` })))));
  }
  return panel("sync", "sync-head", make("div.figures", {}, rows));
}

/** Every moment: what happens, what the music does about it, and why. */
export function cues({ seek, score }) {
  if (!score.hits.length) return null;
  const reasoned = score.hits.some((hit) => hit.reason);
  const head = make("tr", {}, ["cues.time", "cues.what", reasoned ? "cues.why" : null, "cues.off"].filter(Boolean).map((key) => make("th", { scope: "col" }, say(key))));
  const rows = score.hits.map((hit) => make(hit.taken ? "tr" : "tr.left-alone", {},
    make("td", {}, make("button.when", { type: "button", onclick: () => seek(hit.time_s) }, clock(hit.time_s, 2))),
    make("td", { lang: "en" }, hit.kind),
    reasoned ? make("td", { lang: "en" }, hit.reason ?? "") : null,
    make("td.number", {}, hit.taken ? (hit.ms == null ? "–" : say("cues.ms", { ms: `${hit.ms > 0 ? "+" : ""}${hit.ms.toFixed(0)}` })) : say("cues.left"))));
  const box = panel("cues", "cues-head", make("div.scroll", { tabindex: 0, role: "group", "aria-labelledby": "cues-head" }, make("table", {}, make("thead", {}, head), make("tbody", {}, rows))));
  box.classList.add("panel-wide");
  return box;
}

/** Why it sounds as it does, and who plays. */
export function reasons({ document: papers }) {
  const why = [...(papers.cue_sheet?.why ?? []), ...(papers.storyboard?.why ?? [])];
  const players = papers.cue_sheet?.instruments ?? [];
  if (!why.length && !players.length) return null;
  const box = panel("cues.reasons", "why-head",
    make("ul.reasons", { lang: "en" }, why.map((line) => make("li", {}, line))),
    players.length ? make("h3", {}, say("cues.players")) : null,
    make("ul.players", {}, players.map((player) => make("li", {}, `${player.name.replace(/ \(.*\)$/, "")}, ${say("cues.notes", { n: player.notes })}`))));
  return box;
}
