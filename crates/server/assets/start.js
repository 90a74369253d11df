// A tab's form: drop, send with progress, go on to the job.
import { say } from "./words.js";
import { blame, named, tell } from "./jobs.js";

/** The names of chosen files where the hint stood. */
function chosen(input) {
  const place = input.closest(".drop")?.querySelector("[data-chosen]");
  if (!place) return;
  place.dataset.usual ??= place.textContent;
  const names = [...input.files].map((file) => file.name);
  place.textContent = names.length > 3 ? `${names.slice(0, 3).join(", ")} + ${names.length - 3}` : names.join(", ") || place.dataset.usual;
  input.closest(".drop").classList.toggle("chosen", names.length > 0);
}

function send(form, data) {
  const sending = form.querySelector("[data-sending]");
  const bar = sending.querySelector("progress");
  const status = sending.querySelector("[role=status]");
  const wrong = form.querySelector("[data-wrong]");
  const buttons = [...form.querySelectorAll("button")];
  const request = new XMLHttpRequest();
  const settle = (busy) => {
    sending.hidden = !busy;
    buttons.forEach((button) => (button.disabled = busy));
  };
  wrong.hidden = true;
  settle(true);
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = total ? loaded / total : 0;
    const percent = Math.floor(bar.value * 100);
    status.textContent = percent < 100 ? say("sending.at", { percent }) : say("sending.sent");
  };
  request.onload = () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* told below */ }
    if (request.status === 200 || request.status === 201) return location.assign(`/jobs/${answer.id}`);
    settle(false);
    blame(form, wrong, answer);
  };
  request.onerror = () => {
    settle(false);
    tell(wrong, { detail: say("wrong.network") });
  };
  request.open("POST", "/api/v1/jobs");
  request.setRequestHeader("Idempotency-Key", named());
  request.send(data);
}

/** Our own clip, as if it had been dropped. */
async function sample(link, form) {
  const input = form.querySelector("input[type=file]");
  const usual = link.textContent;
  link.textContent = say("sample.coming");
  const answer = await fetch(link.href).catch(() => null);
  link.textContent = usual;
  if (!answer?.ok) return tell(form.querySelector("[data-wrong]"), { detail: say("wrong.network") });
  const files = new DataTransfer();
  files.items.add(new File([await answer.blob()], "sample.mp4", { type: "video/mp4" }));
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
}

export function start(form) {
  const tab = form.dataset.start;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, new FormData(form, event.submitter));
  });
  // What the browser itself finds wrong is not left behind a closed door.
  form.addEventListener("invalid", (event) => {
    for (let around = event.target.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  }, true);
  for (const input of form.querySelectorAll("input[type=file]")) {
    const drop = input.closest(".drop");
    input.addEventListener("change", () => {
      chosen(input);
      const open = form.querySelector("[data-brief]")?.open;
      // A clip is watched as soon as it is here; who has begun to say more is left to say it.
      if (input.files.length && !open && (tab === "video" || tab === "picture")) {
        form.requestSubmit(form.querySelector("button[value=watch]"));
      }
    });
    // A file may have been chosen before this script was here.
    if (input.files.length) input.dispatchEvent(new Event("change"));
    for (const kind of ["dragenter", "dragover"]) drop?.addEventListener(kind, () => drop.classList.add("over"));
    for (const kind of ["dragleave", "drop", "dragend"]) drop?.addEventListener(kind, () => drop.classList.remove("over"));
  }
  form.querySelector("[data-sample]")?.addEventListener("click", (event) => {
    event.preventDefault();
    sample(event.currentTarget, form);
  });
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => (button.disabled = false)));
}

