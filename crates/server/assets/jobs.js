// Jobs over the API.
import { say } from "./words.js";

/** Says what went wrong, with the hint. */
export function tell(place, problem) {
  const lines = [problem.detail ?? say("wrong.unknown"), problem.hint].filter(Boolean);
  place.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
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
