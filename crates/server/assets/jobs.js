// Jobs over the API.
import { say } from "./words.js";

/** Says what went wrong, with the hint. */
export function tell(place, problem) {
  const lines = [problem.detail ?? say("wrong.unknown"), problem.hint].filter(Boolean);
  place.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}

/** Says it beside the field that is meant, where the form has it; else in `place`. */
export function blame(form, place, problem) {
  quiet(form);
  const field = problem.field && form.querySelector(`[data-field="${CSS.escape(problem.field)}"]`);
  const control = field?.querySelector("input:not([type=hidden]), select");
  if (!control) return tell(place, problem);
  const key = `option.${problem.field.replaceAll("-", "_")}.wrong`;
  const said = /"(?:[^"\\]|\\.)*"/.exec(problem.detail ?? "")?.[0];
  const own = (problem.detail ?? "").replace(new RegExp(`^(--)?${problem.field}[: ]*`), "");
  const ours = said && say(key) !== key;
  const words = ours ? say(key, { said }) : [own, problem.hint].filter(Boolean).join(" ");
  const note = Object.assign(document.createElement("small"), { className: "beside", id: `${control.id}-wrong`, textContent: words });
  if (!ours) note.lang = "en";
  note.setAttribute("role", "alert");
  field.classList.add("is-wrong");
  field.append(note);
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", `${control.getAttribute("aria-describedby") ?? ""} ${note.id}`.trim());
  for (let around = field.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  control.focus();
  control.addEventListener("input", () => quiet(form), { once: true });
}

/** Takes back what was said beside fields. */
function quiet(form) {
  for (const field of form.querySelectorAll(".is-wrong")) {
    field.classList.remove("is-wrong");
    field.querySelector(".beside")?.remove();
    const control = field.querySelector("[aria-invalid]");
    control?.removeAttribute("aria-invalid");
    const ids = (control?.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && document.getElementById(id));
    control?.setAttribute("aria-describedby", ids.join(" "));
  }
}

/** A name for a request, so that one that is sent twice makes one job. (`randomUUID` is for secure pages alone.) */
export function named() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Makes a job that goes on from another. */
export async function goOn(from, options, more = {}) {
  const answer = await fetch("/api/v1/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": named() },
    body: JSON.stringify({ from, options, ...more }),
  });
  const body = await answer.json();
  if (!answer.ok) throw body;
  return body;
}

/** Follows a job until it has ended; `each` sees it at every change. */
export function ended(id, each = () => {}) {
  return new Promise((done, fail) => {
    const events = new EventSource(`/api/v1/jobs/${id}/events`);
    events.addEventListener("job", ({ data }) => {
      const job = JSON.parse(data);
      each(job);
      if (["done", "failed", "cancelled"].includes(job.status)) {
        events.close();
        done(job);
      }
    });
    events.addEventListener("gone", () => {
      events.close();
      fail({ detail: say("cancelled") });
    });
  });
}

/** A job's document. */
export async function papers(id) {
  const answer = await fetch(`/api/v1/jobs/${id}/document`);
  return answer.ok ? answer.json() : {};
}
