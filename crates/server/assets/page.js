// What every page needs; the rest is fetched where it is used.
const local = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

/** Dates in the reader's own zone. */
function dates(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) time.textContent = local.format(date);
  }
}

/** The figure beside a slider. */
function shares(within) {
  for (const input of within.querySelectorAll(".field input[type=range]")) {
    const output = within.querySelector(`output[for="${input.id}"]`);
    if (!output) continue;
    const tell = () => (output.textContent = Number(input.value).toFixed(2));
    input.addEventListener("input", tell);
    tell();
  }
}

/** What the composer reads in the words for the mood, while they are written. */
function mood(within) {
  const input = within.querySelector("#mood");
  const place = within.querySelector("[data-understood]");
  if (!input || !place) return;
  let resting = 0;
  let asked = "";
  const ask = async () => {
    asked = input.value.trim();
    if (!asked) return place.replaceChildren();
    const words = asked;
    const answer = await fetch(`/api/v1/mood?words=${encodeURIComponent(words.slice(0, 2000))}`).catch(() => null);
    if (!answer?.ok || words !== asked) return;
    const [{ understood, unknown }, { say }] = await Promise.all([answer.json(), import("./words.js")]);
    const lines = [
      understood.length ? say("mood.understood", { words: understood.join(", ") }) : "",
      unknown.length ? say("mood.unknown", { words: unknown.join(", ") }) : "",
    ];
    place.textContent = lines.filter(Boolean).join(" ");
  };
  input.addEventListener("input", () => {
    clearTimeout(resting);
    resting = setTimeout(ask, 300);
  });
  if (input.value) ask();
}

/** Older reels under those that are here, where the link to them was. */
function reels(within) {
  const list = within.querySelector(".past-all [data-reels]");
  const link = within.querySelector("[data-older]");
  link?.addEventListener("click", async (event) => {
    event.preventDefault();
    link.setAttribute("aria-busy", "true");
    const answer = await fetch(link.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return location.assign(link.href);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    dates(fresh);
    const more = [...fresh.querySelectorAll("[data-reels] > li")];
    list.append(...more);
    more[0]?.querySelector("a").focus();
    const next = fresh.querySelector("[data-older]");
    link.removeAttribute("aria-busy");
    if (next) link.href = next.href;
    else link.remove();
  });
}

/** How far jobs of the list are, as long as they run; a few at once, for streams are not without end. */
async function running(within) {
  const places = [...within.querySelectorAll(".reel .state-running, .reel .state-queued")].slice(0, 4);
  if (!places.length) return;
  const [{ ended }, { say }] = await Promise.all([import("./jobs.js"), import("./words.js")]);
  for (const place of places) {
    const [id] = place.closest("a").pathname.split("/").slice(-1);
    ended(id, (job) => {
      place.className = `state state-${job.status}`;
      place.textContent = job.status === "running" ? `${Math.min(99, Math.floor(job.progress * 100))} %` : say(`status.${job.status}`);
      const thumbnail = job.artefacts.find(({ name }) => name === "thumbnail.jpg");
      const strip = place.closest("a").querySelector(".reel-strip");
      if (thumbnail && !strip.firstElementChild) strip.append(Object.assign(new Image(660, 90), { alt: "", src: thumbnail.url }));
    }).catch(() => {});
  }
}

/** What cannot be taken back is asked twice. */
function forget(within) {
  const form = within.querySelector("[data-forget]");
  const button = form?.querySelector("button");
  form?.addEventListener("submit", async (event) => {
    if (button.dataset.sure) return;
    event.preventDefault();
    button.dataset.sure = "yes";
    const usual = button.textContent;
    button.textContent = (await import("./words.js")).say("forget.sure");
    setTimeout(() => {
      delete button.dataset.sure;
      button.textContent = usual;
    }, 5000);
  });
}

/** Brings what is on the page to life. */
export async function awaken(within = document) {
  dates(within);
  shares(within);
  reels(within);
  mood(within);
  forget(within);
  running(within);
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
