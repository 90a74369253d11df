// Film, form, sound, hits and beats on one line of time.
import { clock, say } from "./words.js";
import { frames, pen } from "./strip.js";

const INK = "#eceeea";
const SOFT = "#9aa19f";
const FAINT = "#3a4043";
const MARK = "#ff6a45";

/** Plays what stands and stops what plays. A play that a pause or another film overtakes is no fault. */
export function playOrPause(video) {
  if (!video.paused) return video.pause();
  video.play().catch((fault) => {
    if (fault.name !== "AbortError") throw fault;
  });
}

/** Beats of the bars: time, and whether a bar begins. */
export function beats(bars, end) {
  const found = [];
  bars.forEach((bar, place) => {
    const next = bars[place + 1]?.start_s ?? Math.min(end, bar.start_s + (bar.meter.beats * 240) / bar.meter.unit / bar.bpm);
    const count = Math.max(1, bar.meter.beats);
    for (let beat = 0; beat < count; beat += 1) {
      const time = bar.start_s + ((next - bar.start_s) * beat) / count;
      if (time < end) found.push({ time, first: beat === 0 });
    }
  });
  return found;
}

/** Which hits are heard within a frame, by the offsets that were measured. */
export function heard(document) {
  const frame = (document.sync?.frame_s ?? 0.04) * 1000 + 0.5;
  const offsets = new Map((document.sync?.offsets ?? []).map(([time, ms]) => [time.toFixed(2), ms]));
  return (document.spotting?.hits ?? []).map((hit) => {
    const ms = offsets.get(hit.time_s.toFixed(2));
    return { ...hit, ms, heard: hit.taken && ms != null && Math.abs(ms) <= frame };
  });
}

/**
 * A timeline in `holder`, for `video`.
 * `score`: {seconds, film, peaks, form: [{start_s, end_s, name}], hits: [{time_s, taken, heard, weight}], beats: [{time, first}]}
 */
export function timeline(holder, video, score) {
  const { seconds } = score;
  const canvas = holder.appendChild(document.createElement("canvas"));
  const still = document.createElement("canvas");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let size = { width: 0, height: 0 };
  let rows = {};

  const lay = (width, height) => {
    const narrow = width < 560;
    const strip = score.film ? (narrow ? 44 : 64) : 0;
    const form = score.form.length ? 30 : 0;
    const ruler = 24;
    const beat = score.beats.length ? 26 : 0;
    const top = 14;
    return { strip: { y: top, h: strip }, form: { y: top + strip + 4, h: form }, wave: { y: top + strip + form + 22, h: height - top - strip - form - beat - ruler - 30 }, beat: { y: height - ruler - beat - 2, h: beat }, ruler: { y: height - ruler, h: ruler } };
  };

  /** Everything that does not move, with the waveform once for what was played and once for what was not. */
  const paint = (context, width, height, played) => {
    const x = (time) => (time / seconds) * width;
    context.clearRect(0, 0, width, height);
    context.font = `500 12px "Bricolage", system-ui, sans-serif`;
    context.textBaseline = "middle";
    if (score.film) {
      context.globalAlpha = played ? 1 : 0.62;
      frames(context, score.film, seconds, width, rows.strip.y, rows.strip.h, score.cuts);
      context.globalAlpha = 1;
      for (const cut of score.cuts ?? []) {
        context.fillStyle = "#0d0f10";
        context.fillRect(x(cut) - 1, rows.strip.y, 2, rows.strip.h);
      }
    }
    score.form.forEach((section, place) => {
      const [from, to] = [x(section.start_s), x(section.end_s)];
      context.fillStyle = place % 2 ? "#1f2325" : "#282d2f";
      context.fillRect(from, rows.form.y, to - from - 2, rows.form.h);
      context.save();
      context.beginPath();
      context.rect(from, rows.form.y, to - from - 8, rows.form.h);
      context.clip();
      context.fillStyle = INK;
      context.fillText(section.name, from + 9, rows.form.y + rows.form.h / 2 + 1);
      context.restore();
    });
    // The wave: bars of two pixels, mirrored; the louder of what falls in each.
    const { y, h } = rows.wave;
    const middle = y + h / 2;
    context.fillStyle = played ? INK : "#7b8385";
    if (score.peaks?.length) {
      const step = 3;
      for (let left = 0; left < width; left += step) {
        const from = Math.floor((left / width) * score.peaks.length);
        const to = Math.max(from + 1, Math.floor(((left + step) / width) * score.peaks.length));
        let peak = 0;
        for (let place = from; place < to; place += 1) peak = Math.max(peak, score.peaks[place] ?? 0);
        const tall = Math.max(1, peak * h * 0.96);
        context.fillRect(left, middle - tall / 2, 2, tall);
      }
    }
    for (const { time, first } of score.beats) {
      context.fillStyle = first ? SOFT : FAINT;
      context.fillRect(Math.round(x(time)), rows.beat.y + (first ? 2 : 12), 1, first ? 22 : 12);
    }
    context.font = `12px ui-monospace, "DejaVu Sans Mono", monospace`;
    context.fillStyle = SOFT;
    const every = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((gap) => x(gap) > 64) ?? 1200;
    for (let time = 0; time <= seconds + 1e-6; time += every) {
      const text = clock(time, every < 1 ? 1 : 0);
      const wide = context.measureText(text).width;
      context.fillText(text, Math.min(Math.max(0, x(time) - wide / 2), width - wide), rows.ruler.y + 13);
    }
    // Streamers and punches: a slanted line runs towards each hit, and a hole is punched where it falls.
    const taken = score.hits.filter((hit) => hit.taken);
    taken.forEach((hit, place) => {
      const at = x(hit.time_s);
      const before = place ? x(taken[place - 1].time_s) : 0;
      const run = Math.min(54, (at - before) * 0.82);
      context.strokeStyle = MARK;
      context.lineWidth = 1.5;
      context.globalAlpha = 0.5;
      context.beginPath();
      context.moveTo(at - run, y + h);
      context.lineTo(at, y - 6);
      context.stroke();
      context.globalAlpha = 1;
      context.fillStyle = MARK;
      context.fillRect(at - 1, y - 6, 2, h + 6);
    });
    for (const hit of score.hits) {
      const at = x(hit.time_s);
      context.beginPath();
      context.arc(at, y - 8, hit.taken ? 5.5 : 2.5, 0, 7);
      if (!hit.taken) context.fillStyle = "#6b7275";
      else context.fillStyle = hit.heard ? MARK : "#0d0f10";
      context.fill();
      if (hit.taken) {
        context.strokeStyle = MARK;
        context.lineWidth = 2;
        context.stroke();
      }
    }
  };

  let before;
  const rest = () => {
    const { context, width, height } = pen(canvas);
    if (!width) return;
    size = { width, height };
    rows = lay(width, height);
    [before, still.played] = [false, true].map((played) => {
      const layer = document.createElement("canvas");
      const density = devicePixelRatio || 1;
      layer.width = Math.round(width * density);
      layer.height = Math.round(height * density);
      const brush = layer.getContext("2d");
      brush.scale(density, density);
      paint(brush, width, height, played);
      return layer;
    });
    draw(context);
  };

  let flash = -1;
  const draw = (context = canvas.getContext("2d")) => {
    const { width, height } = size;
    if (!width) return;
    const at = (video.currentTime / seconds) * width;
    const density = devicePixelRatio || 1;
    context.clearRect(0, 0, width, height);
    context.drawImage(before, 0, 0, width, height);
    if (at > 0) context.drawImage(still.played, 0, 0, Math.min(at, width) * density, height * density, 0, 0, Math.min(at, width), height);
    if (!calm && !video.paused) {
      const now = score.hits.findLast((hit) => hit.taken && hit.time_s <= video.currentTime);
      const age = now ? video.currentTime - now.time_s : 9;
      if (age < 0.5) {
        flash = 1 - age / 0.5;
        context.strokeStyle = MARK;
        context.globalAlpha = flash;
        context.lineWidth = 2;
        context.beginPath();
        context.arc((now.time_s / seconds) * width, rows.wave.y - 8, 6 + 16 * (1 - flash), 0, 7);
        context.stroke();
        context.globalAlpha = 1;
      }
    }
    context.fillStyle = INK;
    context.fillRect(at - 1, rows.strip.y - 8, 2, height - rows.ruler.h - rows.strip.y + 8);
    context.beginPath();
    context.moveTo(at - 6, rows.strip.y - 12);
    context.lineTo(at + 6, rows.strip.y - 12);
    context.lineTo(at, rows.strip.y - 3);
    context.fill();
  };

  // Keyboard and screen reader: it is a slider over time.
  holder.tabIndex = 0;
  holder.setAttribute("role", "slider");
  holder.setAttribute("aria-label", say("result.position"));
  holder.setAttribute("aria-valuemin", "0");
  holder.setAttribute("aria-valuemax", seconds.toFixed(2));
  const tell = () => {
    holder.setAttribute("aria-valuenow", video.currentTime.toFixed(2));
    const near = score.hits.find((hit) => hit.taken && Math.abs(hit.time_s - video.currentTime) < 0.06);
    holder.setAttribute("aria-valuetext", near ? `${clock(video.currentTime, 2)}, ${near.kind}` : clock(video.currentTime, 2));
  };
  const go = (time) => {
    video.currentTime = Math.min(Math.max(0, time), seconds - 0.01);
  };
  holder.addEventListener("keydown", (event) => {
    const now = video.currentTime;
    const taken = score.hits.filter((hit) => hit.taken).map((hit) => hit.time_s);
    const play = () => playOrPause(video);
    const frame = score.frame_s ?? 0.04;
    const moves = {
      // As at a cutting table.
      j: () => go(now - 1),
      k: play,
      l: () => go(now + 1),
      ",": () => go(now - frame),
      ".": () => go(now + frame),
      ArrowRight: () => go(now + 1),
      ArrowUp: () => go(now + 1),
      ArrowLeft: () => go(now - 1),
      ArrowDown: () => go(now - 1),
      Home: () => go(0),
      End: () => go(seconds),
      PageDown: () => go(taken.find((time) => time > now + 0.02) ?? seconds),
      PageUp: () => go(taken.findLast((time) => time < now - 0.02) ?? 0),
      " ": play,
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  });
  holder.addEventListener("pointerdown", (event) => {
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      go(((event.clientX - box.left) / box.width) * seconds);
    };
    holder.setPointerCapture(event.pointerId);
    seek(event);
    holder.onpointermove = seek;
    holder.onpointerup = holder.onpointercancel = () => (holder.onpointermove = null);
  });

  let running = 0;
  const loop = () => {
    if (!canvas.isConnected) return;
    draw();
    running = video.paused ? 0 : requestAnimationFrame(loop);
  };
  video.addEventListener("play", () => running || loop());
  for (const kind of ["timeupdate", "seeked", "seeking", "loadeddata"]) {
    video.addEventListener(kind, () => {
      tell();
      draw();
    });
  }
  new ResizeObserver(rest).observe(canvas);
  document.fonts?.ready.then(rest);
  tell();
}
