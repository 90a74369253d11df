// A film with its sound: play it, see it, compare takes, mix it again, compose parts of it anew.
import { clock, make, say } from "./words.js";
import { papers } from "./jobs.js";
import { beats, heard, playOrPause, timeline } from "./timeline.js";
import { strip } from "./strip.js";
import { peaks } from "./wave.js";
import { cues, figures, reasons } from "./sheet.js";
import { mix, sections, takes } from "./takes.js";

const artefact = (id, name) => `/api/v1/jobs/${id}/artefacts/${name}`;

async function json(url) {
  const answer = await fetch(url);
  return answer.ok ? answer.json() : null;
}

/** What the timeline draws, from whichever sections the document has. */
async function lines(job, kind, document) {
  const { id } = job;
  const heardIn = (role) => job.inputs.find((input) => input.role === role);
  const hits = heard(document);
  const footage = document.footage?.duration_s;
  if (kind === "score") {
    const [wave, film] = await Promise.all([json(artefact(id, "waveform.json")), strip(artefact(id, "filmstrip.jpg"))]);
    const seconds = wave?.seconds ?? footage ?? 0;
    return {
      seconds, film, hits, peaks: wave?.peaks,
      cuts: (document.sighting?.shots ?? []).slice(1).map((shot) => shot.start_s),
      form: (document.cue_sheet?.form ?? []).map((part) => ({ ...part, name: part.role })),
      beats: beats(document.spotting?.bars ?? [], seconds),
    };
  }
  if (kind === "film") {
    const hearing = document.hearing ?? {};
    const first = hearing.beats_in_bar || 4;
    const struck = (document.sync?.offsets ?? []).map(([time_s, ms]) => ({ time_s, ms, taken: true, kind: "hit", heard: Math.abs(ms) <= document.sync.frame_s * 1000 + 0.5 }));
    return {
      seconds: hearing.duration_s ?? 0, film: null, hits: struck, cuts: [],
      // Of a song too long to be decoded here: loudness, with its onsets standing out as they do to the ear.
      peaks: (await peaks(heardIn("song"))) ?? hearing.curves?.loudness?.map((loud, n) => Math.min(1, 0.55 * loud ** 1.5 + 0.45 * (hearing.curves.onset?.[n] ?? 0))),
      form: (hearing.sections ?? []).map((part, n) => ({ start_s: part.start_s, end_s: part.end_s, name: part.words?.slice(0, 3).join(", ") ?? `${n + 1}` })),
      beats: (hearing.beats ?? []).map((beat, n) => ({ time: beat.time_s ?? beat, first: beat.downbeat ?? n % first === 0 })),
    };
  }
  const struck = (document.sync?.offsets ?? []).map(([time_s, ms]) => ({ time_s, ms, taken: true, kind: "hit", heard: Math.abs(ms) <= document.sync.frame_s * 1000 + 0.5 }));
  return {
    seconds: footage ?? document.sighting?.duration_s ?? 0, film: null, hits: struck.length ? struck : hits,
    peaks: await peaks(heardIn("audio") ?? heardIn("file")), cuts: [], form: [], beats: [],
  };
}

/** Play, time, what the marks mean. */
function transport(video, seconds, hits) {
  const play = make("button.play", { type: "button" }, say("result.play"));
  const time = make("span.clock", {}, clock(0, 2), " ", make("small", {}, `/ ${clock(seconds, 2)}`));
  play.addEventListener("click", () => playOrPause(video));
  for (const kind of ["play", "pause", "ended"]) video.addEventListener(kind, () => (play.textContent = say(video.paused ? "result.play" : "result.pause")));
  const tick = () => {
    time.firstChild.data = clock(video.currentTime, 2);
    if (!video.paused && time.isConnected) requestAnimationFrame(tick);
  };
  for (const kind of ["play", "seeked", "timeupdate"]) video.addEventListener(kind, tick);
  video.addEventListener("click", () => play.click());
  const mute = make("button", { type: "button", "aria-pressed": "false" }, say("result.mute"));
  mute.addEventListener("click", () => {
    video.muted = !video.muted;
    mute.setAttribute("aria-pressed", String(video.muted));
  });
  const marks = hits.length
    ? make("p.legend", {},
        make("span.heard", {}, say("result.legend.heard")),
        hits.some((hit) => hit.taken && !hit.heard) ? make("span", {}, say("result.legend.missed")) : null,
        hits.some((hit) => !hit.taken) ? make("span.left-alone", {}, say("result.legend.left")) : null)
    : null;
  return make("div.transport", {}, play, mute, time, marks);
}

export async function result(place) {
  const { job: id, kind } = place.dataset;
  const video = place.querySelector("video");
  const holder = place.querySelector("[data-timeline]");
  const panels = place.querySelector("[data-panels]");
  const room = holder.querySelector(".lines");
  const [job, document] = await Promise.all([json(`/api/v1/jobs/${id}`), papers(id)]);
  const score = await lines(job, kind, document);
  holder.firstChild.replaceWith(transport(video, score.seconds, score.hits));
  video.removeAttribute("controls");
  score.frame_s = 1 / (document.sighting?.frame_rate || 25);
  timeline(room, video, score);
  // The space bar plays from anywhere but where it means something else.
  const space = (event) => {
    if (!video.isConnected) return removeEventListener("keydown", space);
    if (event.key !== " " || event.target.closest("button, a, input, select, textarea, summary, [role=slider], video")) return;
    event.preventDefault();
    playOrPause(video);
  };
  addEventListener("keydown", space);
  const seek = (time) => {
    video.currentTime = time;
    room.focus({ preventScroll: true });
    room.scrollIntoView({ block: "center" });
  };
  const context = { id, job, document, video, seek, score };
  const grid = make("div.panels");
  const column = (...parts) => make("div.column", {}, parts.filter(Boolean));
  if (kind === "score") {
    const ranked = takes(context);
    const compared = ranked.classList.contains("panel-wide");
    grid.append(...[
      compared ? ranked : null,
      column(sections(context), reasons(context)),
      column(mix(context), compared ? null : ranked, figures(context)),
      cues(context),
    ].filter(Boolean));
  } else {
    grid.append(column(reasons(context), cues(context)), column(figures(context)));
  }
  panels.replaceChildren(grid);
  panels.classList.remove("coming");
}
