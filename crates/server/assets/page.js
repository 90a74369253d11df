// What every page needs; the rest is fetched where it is used.
const local = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/** Dates in the reader's own zone. */
function dates(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) time.textContent = local.format(date);
  }
}

/** Brings what is on the page to life. */
export async function awaken(within = document) {
  dates(within);
  const start = within.querySelector("[data-start]");
  if (start) (await import("./start.js")).start(start);
  const job = within.querySelector("[data-job]");
  if (!job) return;
  const { status, kind } = job.dataset;
  if (status === "queued" || status === "running") (await import("./follow.js")).follow(job);
  else if (status === "done" && kind === "watch") await (await import("./desk.js")).desk(job);
  else if (status === "done") await (await import("./result.js")).result(job);
}

/** Shows another job in place of this one, without a blank page between. */
export async function show(id, push = true) {
  const answer = await fetch(`/jobs/${id}`, { headers: { accept: "text/html" } });
  if (!answer.ok) return location.assign(`/jobs/${id}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceChildren(...fresh.querySelector("main").childNodes);
  document.title = fresh.title;
  if (push) history.pushState({}, "", `/jobs/${id}`);
  await awaken(document);
}
addEventListener("popstate", () => location.reload());

awaken();
