// What a person chooses before anything is composed: the frame on the strip, the words.
import { clock, make, say } from "./words.js";
import { papers } from "./jobs.js";
import { frames, pen, strip } from "./strip.js";

export async function desk(place) {
  const form = place.querySelector("[data-desk]");
  const { job: id } = place.dataset;
  const prompt = form.querySelector("#prompt");
  const { written } = prompt.dataset;
  form.addEventListener("submit", () => {
    // Untouched words are left to be written anew for the frame that is chosen.
    prompt.disabled = prompt.value === written;
    setTimeout(() => (prompt.disabled = false));
  });
  const holder = form.querySelector("[data-strip]");
  const [document, film] = await Promise.all([papers(id), strip(holder?.dataset.strip)]);
  if (!film) return;
  const seconds = document.footage?.duration_s || film.times_s.at(-1);
  const shots = document.sighting?.shots ?? [];
  const image = holder.querySelector("img");
  const canvas = make("canvas", { role: "img", "aria-label": image.alt });
  holder.replaceChildren(canvas);

  const any = form.querySelector("[data-any]");
  const field = form.querySelector("[data-any-field]");
  const slider = field.querySelector("input");
  const radio = any.querySelector("input");
  const still = any.querySelector("img");
  const rate = document.sighting?.frame_rate || 25;
  slider.step = (1 / rate).toFixed(5);
  slider.max = Math.max(0, seconds - 1 / rate).toFixed(3);
  let chosen = null;
  let later = 0;

  const draw = () => {
    const { context, width } = pen(canvas);
    context.font = `11px ${getComputedStyle(holder).fontFamily}`;
    frames(context, film, seconds, width, 0, 84, shots.map((shot) => shot.start_s));
    context.textBaseline = "top";
    for (const [n, shot] of shots.entries()) {
      const x = (shot.start_s / seconds) * width;
      context.fillStyle = "#0d0f10";
      if (n) context.fillRect(x - 1.5, 0, 3, 84);
      context.fillStyle = "#9aa19f";
      const room = ((shot.end_s - shot.start_s) / seconds) * width;
      if (room > 14) context.fillText(`${n + 1}`, x + 3, 90);
    }
    if (chosen != null) {
      const x = (chosen / seconds) * width;
      context.fillStyle = "#ff6a45";
      context.fillRect(x - 1, 0, 2, 90);
      context.beginPath();
      context.arc(x, 95, 5, 0, 7);
      context.fill();
    }
  };
  const take = (time) => {
    chosen = Math.min(Math.max(0, time), Number(slider.max));
    slider.value = chosen;
    slider.setAttribute("aria-valuetext", clock(chosen, 2));
    radio.value = `${chosen.toFixed(3)}s`;
    radio.checked = true;
    any.querySelector("[data-any-time]").textContent = `${say("desk.any")}, ${clock(chosen, 2)}`;
    draw();
    clearTimeout(later);
    later = setTimeout(() => (still.src = `/api/v1/jobs/${id}/frames/${chosen.toFixed(3)}s`), 180);
  };
  canvas.addEventListener("pointerdown", (event) => {
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      take(((event.clientX - box.left) / box.width) * seconds);
    };
    canvas.setPointerCapture(event.pointerId);
    at(event);
    canvas.onpointermove = at;
    canvas.onpointerup = canvas.onpointercancel = () => (canvas.onpointermove = null);
  });
  slider.addEventListener("input", () => take(Number(slider.value)));
  radio.addEventListener("change", () => chosen ?? take(seconds / 2));
  // The fourth frame is empty until it is chosen: it shows the middle.
  still.src = `/api/v1/jobs/${id}/frames/${(seconds / 2).toFixed(3)}s`;
  radio.value = `${(seconds / 2).toFixed(3)}s`;
  new ResizeObserver(draw).observe(canvas);
}
