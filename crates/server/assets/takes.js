// What can be changed after the fact: takes, volumes, sections.
import { clock, make, say } from "./words.js";
import { ended, goOn, tell } from "./jobs.js";
import { show } from "./page.js";
import { pen } from "./strip.js";
import { peaks } from "./wave.js";

/** A heading and what belongs under it. */
function panel(name, id, ...children) {
  return make("section.panel", { "aria-labelledby": id }, make("h2", { id }, say(name)), ...children);
}

/** Goes on from this job with other options, and shows what comes of it at the same place in the film. */
async function again({ id, video }, options, more, status, wrong) {
  const began = performance.now();
  const { currentTime } = video;
  const playing = !video.paused;
  wrong.hidden = true;
  const made = await goOn(id, options, more);
  const job = await ended(made.id, (job) => {
    if (job.stage) status.textContent = say(`stage.${job.stage.replaceAll(" ", "_")}`);
  });
  if (job.status !== "done") throw { detail: job.error?.detail ?? say("cancelled"), hint: job.error?.hint };
  const seconds = (performance.now() - began) / 1000;
  const top = scrollY;
  await show(made.id);
  scrollTo({ top, behavior: "instant" });
  const fresh = document.querySelector("video");
  fresh.currentTime = currentTime;
  if (playing) fresh.play().catch(() => {});
  return seconds;
}

/** Runs what a button asks for: off while it runs, and what went wrong told beside it. */
async function run(controls, status, wrong, work) {
  controls.forEach((control) => (control.disabled = true));
  try {
    return await work();
  } catch (problem) {
    status.textContent = "";
    tell(wrong, problem instanceof Error ? { detail: say("wrong.network") } : problem);
    controls.forEach((control) => (control.disabled = false));
    return null;
  }
}

/** The wave of a take, drawn small. */
async function wave(canvas, source) {
  const heights = await peaks(source, 600);
  if (!heights) return canvas.remove();
  const draw = () => {
    const { context, width, height } = pen(canvas);
    context.fillStyle = getComputedStyle(canvas).color;
    for (let x = 0; x < width; x += 3) {
      const tall = Math.max(1, heights[Math.floor((x / width) * heights.length)] * height);
      context.fillRect(x, (height - tall) / 2, 2, tall);
    }
  };
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

/** Takes side by side; each can be heard against the same picture. */
export function takes(context) {
  const { job, document: papers, video } = context;
  const ranked = papers.takes?.ranked ?? [];
  const status = make("p.mix-told", { role: "status" });
  const wrong = make("div.wrong", { role: "alert", hidden: true });
  const file = (name) => job.artefacts.find((artefact) => artefact.name === name);
  if (ranked.length < 2) {
    const more = make("button.quiet-button", { type: "button", onclick: () => run([more], status, wrong, () => again(context, { takes: 4 }, { deliver: job.deliver }, status, wrong)) }, say("takes.more"));
    return panel("takes", "takes-head", make("p.help", {}, say("takes.one")), more, status, wrong);
  }
  const sound = new Audio();
  sound.preload = "auto";
  let heardNow = 0;
  // The other take runs along with the picture, whose own sound is off meanwhile.
  const along = () => {
    if (!heardNow || !video.isConnected) return sound.pause();
    if (Math.abs(sound.currentTime - video.currentTime) > 0.06) sound.currentTime = video.currentTime;
    if (video.paused) sound.pause();
    else sound.play().catch(() => {});
  };
  for (const kind of ["play", "pause", "seeked", "timeupdate"]) video.addEventListener(kind, along);
  const cards = [];
  const listen = (place) => {
    heardNow = place;
    video.muted = place > 0;
    if (place) {
      sound.src = file(`take-${place + 1}.wav`).url;
      sound.currentTime = video.currentTime;
    }
    if (video.paused) video.play().catch(() => {});
    along();
    cards.forEach((card, other) => {
      card.classList.toggle("on", other === place);
      card.querySelector("[aria-pressed]")?.setAttribute("aria-pressed", String(other === place));
    });
  };
  ranked.forEach((take, place) => {
    const source = place ? file(`take-${place + 1}.wav`) : file("sound.wav") ?? file("film.mp4");
    const canvas = make("canvas", { "aria-hidden": "true" });
    if (source) wave(canvas, source);
    const hear = source ? make("button.quiet-button", { type: "button", "aria-pressed": String(place === 0), onclick: () => listen(place) }, say(place ? "takes.listen" : "takes.back")) : null;
    const use = place ? make("button.quiet-button", { type: "button", onclick: () => run([use], status, wrong, () => again(context, { seed: take.seed, takes: 1 }, { deliver: job.deliver }, status, wrong)) }, say("takes.use")) : make("small", {}, say("takes.infilm"));
    cards.push(make(`article.take${place ? "" : ".on"}`, {},
      make("header", {}, make("h3", {}, say("takes.rank", { n: place + 1 })), make("small", {}, `${say("takes.seed", { seed: take.seed })} · ${(take.value * 100).toFixed(0)}`)),
      canvas,
      make("p.go", {}, hear, use),
      make("ul", { lang: "en" }, (take.reasons ?? []).map((reason) => make("li", {}, reason)))));
  });
  const box = panel("takes", "takes-head", make("div.takes", {}, cards), status, wrong);
  box.classList.add("panel-wide");
  return box;
}

/** Volumes that mix again. */
export function mix(context) {
  const { job, document: papers } = context;
  const asked = papers.options ?? {};
  const status = make("p.mix-told", { role: "status" });
  const wrong = make("div.wrong", { role: "alert", hidden: true });
  const slider = (name, label, value) => {
    const input = make("input", { type: "range", id: `mix-${name}`, min: 0, max: 1, step: 0.05, value, "data-option": name });
    const output = make("output", { for: input.id }, Number(value).toFixed(2));
    input.addEventListener("input", () => (output.textContent = Number(input.value).toFixed(2)));
    return { input, field: make("p.field", {}, make("label", { for: input.id }, say(label), output), input) };
  };
  const music = slider("music-volume", "mix.music", asked.music_volume ?? 1);
  const sounds = slider("sounds-volume", "mix.sounds", asked.sounds_volume ?? 1);
  const original = make("select", { id: "mix-original" }, ["auto", "keep", "duck", "drop"].map((way) => make("option", { value: way, selected: (asked.original ?? "auto") === way }, say(`option.original.${way}`))));
  const controls = [music.input, sounds.input, original];
  const change = async () => {
    const options = { "music-volume": Number(music.input.value), "sounds-volume": Number(sounds.input.value) };
    options.original = original.value;
    status.textContent = say("mix.doing");
    const deliver = job.deliver.filter((extra) => !["stems", "report", "timeline"].includes(extra));
    const held = document.activeElement?.id;
    await run(controls, status, wrong, async () => {
      const seconds = await again(context, options, { deliver }, status, wrong);
      const text = say("mix.done", { seconds: seconds.toFixed(1) });
      const fresh = document.querySelector(".mix .mix-told");
      if (fresh) fresh.textContent = text;
      if (held) document.getElementById(held)?.focus({ preventScroll: true });
    });
  };
  // A key that is held moves a slider many times: mixing begins when it rests.
  let resting = 0;
  controls.forEach((control) => control.addEventListener("change", () => {
    clearTimeout(resting);
    resting = setTimeout(change, control === original ? 0 : 300);
  }));
  const fields = [music.field];
  if (asked.sounds && asked.sounds !== "none") fields.push(sounds.field);
  if (papers.footage?.audio) fields.push(make("p.field", {}, make("label", { for: "mix-original" }, say("option.original")), original));
  return panel("mix", "mix-head", make("div.mix", {}, fields, status, wrong));
}

/** The form, section by section. */
export function sections(context) {
  const { job, document: papers, seek } = context;
  const form = papers.cue_sheet?.form ?? [];
  if (!form.length) return null;
  const status = make("p.mix-told", { role: "status" });
  const wrong = make("div.wrong", { role: "alert", hidden: true });
  const buttons = [];
  const rows = form.map((part, place) => {
    const others = form.map((_, n) => n + 1).filter((n) => n !== place + 1);
    const anew = make("button.quiet-button", {
      type: "button",
      "aria-label": say("sections.again.label", { n: place + 1 }),
      onclick: () => run(buttons, status, wrong, () => again(context, { seed: (papers.cue_sheet.seed ?? 0) + 1, takes: 1, ...(others.length ? { "keep-sections": others.join(",") } : {}) }, { deliver: job.deliver }, status, wrong)),
    }, say("sections.again"));
    buttons.push(anew);
    return make("li.row", {},
      make("button.when", { type: "button", onclick: () => seek(part.start_s) }, `${clock(part.start_s)} – ${clock(part.end_s)}`),
      make("p", { lang: "en" }, make("strong", {}, part.role), make("small", {}, ` ${part.why ?? ""}`)),
      anew);
  });
  return panel("sections", "sections-head", make("p.help", {}, say("sections.help")), make("ol.rows", {}, rows), status, wrong);
}
