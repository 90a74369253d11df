// A job on its way: percent, stage, time left, stop.
import { left, say } from "./words.js";
import { ended } from "./jobs.js";
import { show } from "./page.js";

export async function follow(place) {
  const { job: id } = place.dataset;
  const part = (name) => place.querySelector(`[data-${name}]`);
  const bar = place.querySelector("progress");
  const stages = [...place.querySelectorAll("[data-stage]")];
  const stop = part("stop");
  let told = "";
  stop.closest("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    stop.disabled = true;
    stop.textContent = say("stopping");
    await fetch(`/api/v1/jobs/${id}`, { method: "DELETE" });
  });
  await ended(id, (job) => {
    const percent = Math.min(99, Math.floor(job.progress * 100));
    part("percent").textContent = percent;
    bar.value = percent;
    part("left").textContent = job.status === "running" ? left(job.left_s) : " ";
    const stage = job.status === "running" ? job.stage ?? "starting" : "queued";
    // The status is read aloud: only when it says something else.
    if (stage !== told) part("doing").textContent = say(`stage.${stage.replaceAll(" ", "_")}`);
    told = stage;
    const at = stages.findIndex((item) => item.dataset.stage === stage);
    stages.forEach((item, place) => {
      if (place === at) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      if (at >= 0) item.classList.toggle("past-stage", place < at);
    });
  }).catch(() => {});
  const swap = () => show(id, false).then(() => document.querySelector("main").focus({ preventScroll: true }));
  if (document.startViewTransition) document.startViewTransition(swap);
  else swap();
}
