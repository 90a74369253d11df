// The user's way through the page, in a real browser: node way.mjs URL GUARDED CLIP PICTURE FOLDER [PICTURES]
// GUARDED is a server that asks for the token "open sesame". FOLDER holds song.wav and takes what is downloaded; PICTURES, where given, takes pictures of the tabs. Says `ok` for each thing that holds.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [, , url, guarded, clip, picture, folder, pictures] = process.argv;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"],
});
const open = (more = {}) => browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...more });
const ok = (what) => console.log(`ok ${what}`);

/** Everything that the browser complains of. */
function watch(page, complaints) {
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  return page;
}

/** What axe-core finds wrong, in the theme that is set. */
async function violations(page) {
  // Past the page's own rules for scripts, as a debugger reaches past them.
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));
}

/** A picture for the documentation: the first screen, and of a result the whole stage. */
async function pictureOf(page, name) {
  const film = page.locator(".stage-film");
  if ((await film.count()) && name !== "phone") {
    await page.evaluate(() => (document.querySelector("video").currentTime = 1.9));
    await page.waitForTimeout(1200);
    const box = await film.boundingBox();
    await page.screenshot({ path: `${pictures}/page-${name}.png`, fullPage: true, clip: { x: 0, y: 0, width: 1280, height: Math.ceil(box.y + box.height + 140) } });
    await page.evaluate(() => (document.querySelector("video").currentTime = 0));
  } else if (name === "fields") {
    const [top, bottom] = await page.evaluate(() => ["[data-brief]", ".go"].map((part) => document.querySelector(`.start ${part}`).getBoundingClientRect()).map((box, place) => (place ? box.bottom : box.top) + scrollY));
    await page.screenshot({ path: `${pictures}/page-${name}.png`, fullPage: true, clip: { x: 0, y: top - 12, width: 1280, height: bottom - top + 42 } });
  } else await page.screenshot({ path: `${pictures}/page-${name}.png` });
}

async function clean(page, name, shot = name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(150);
    assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`);
    if (pictures && !shot.includes(" ") && colorScheme === (["film", "judged", "history"].includes(shot) ? "dark" : "light")) await pictureOf(page, shot);
  }
  await page.emulateMedia({ colorScheme: "light" });
  ok(`axe finds nothing: ${name}`);
}

const complaints = [];
const shifts = () => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
};
const context = await open({ acceptDownloads: true });
await context.addInitScript(shifts);
const page = watch(await context.newPage(), complaints);
const still = async (name) => {
  const shifted = await page.evaluate(() => window.shifted);
  assert.ok(shifted < 0.01, `${name} shifts by ${shifted}`);
};

// The tabs, and the weight of the first.
let bytes = 0;
const session = await context.newCDPSession(page);
await session.send("Network.enable");
session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
await page.goto(url, { waitUntil: "networkidle" });
assert.ok(bytes > 10_000 && bytes < 100_000, `the first page weighs ${bytes} bytes`);
ok(`the first page weighs ${Math.round(bytes / 1000)} KB`);
await session.detach();
for (const [path, name] of [["/", "video"], ["/picture", "picture"], ["/film", "film"], ["/evaluate", "evaluate"]]) {
  await page.goto(url + path, { waitUntil: "load" });
  await page.evaluate(() => document.fonts.ready);
  await clean(page, name);
  await still(name);
}

// Everything the command has is asked for behind two doors; what is wrong is told beside its field, with nothing lost.
for (const [path, name] of [["/", "video"], ["/picture", "picture"], ["/film", "film"]]) {
  await page.goto(url + path);
  for (const door of await page.locator("details > summary").all()) await door.click();
  await clean(page, `${name} with all its fields`, name === "video" ? "fields" : "no picture");
}
await page.goto(url);
for (const door of await page.locator("details > summary").all()) await door.click();
for (const name of ["loudness", "hit", "negative-prompt", "soundbank", "music", "container"]) assert.ok(await page.locator(`#${name}`).isVisible(), name);
await page.fill("#mood", "calma, pianoforte, quux");
await page.waitForFunction(() => /quux/.test(document.querySelector("[data-understood]").textContent));
assert.match(await page.locator("[data-understood]").textContent(), /Understood: calma, pianoforte\. Not understood: quux\./);
ok("words for the mood are read while they are written, in any language");
await page.fill("#loudness", "loud");
await page.fill("#hit", "1, soon");
await page.setInputFiles("#file", clip);
await page.getByRole("button", { name: "Score it at once" }).click();
await page.waitForSelector(".beside");
assert.match(await page.locator("[data-field=hit] .beside, [data-field=loudness] .beside").textContent(), /is not a/);
assert.equal(await page.locator("[aria-invalid]").count(), 1);
assert.ok(await page.locator("[aria-invalid]").evaluate((field) => field === document.activeElement));
assert.equal(await page.inputValue("#loudness"), "loud");
await clean(page, "a field that is wrong");
complaints.splice(0, complaints.length, ...complaints.filter((line) => !/422/.test(line)));
ok("what is wrong is told beside its field");

// Two languages: what the browser prefers, and a switch that is remembered.
await page.goto(url);
await page.getByRole("link", { name: "Italiano" }).click();
assert.equal(await page.getAttribute("html", "lang"), "it");
await page.goto(`${url}/picture`);
assert.equal(await page.getAttribute("html", "lang"), "it");
await page.getByRole("link", { name: "English" }).click();
ok("it speaks Italian when told to");
const italian = await open({ locale: "it-IT" });
const other = await italian.newPage();
await other.goto(url);
assert.equal(await other.getAttribute("html", "lang"), "it");
for (const door of await other.locator("details > summary").all()) await door.click();
await clean(other, "the Italian page", "no picture");
await other.fill("#loudness", "forte");
await other.setInputFiles("#file", clip);
await other.locator("#loudness").press("Enter");
await other.waitForSelector(".beside");
assert.equal(await other.locator(".beside").textContent(), '"forte" non è un volume da -40 a -5 LUFS');
await italian.close();
ok("it speaks Italian to those who prefer it, of what is wrong too");

// A server that is open to others asks who comes.
const guest = await open();
const door = await guest.newPage();
await door.goto(guarded);
assert.match(door.url(), /login/);
await clean(door, "the door", "no picture");
await door.fill("#token", "open barley");
await door.keyboard.press("Enter");
await door.waitForSelector(".wrong");
await clean(door, "a wrong token");
await door.fill("#token", "open sesame");
await door.keyboard.press("Enter");
await door.waitForSelector("#file", { state: "attached" });
await guest.close();
ok("a token opens the door");

// A clip is dropped and watched.
await page.goto(url);
await page.setInputFiles("#file", clip);
await page.waitForSelector("[data-desk]", { timeout: 120_000 });
ok("a clip is watched");
await page.waitForSelector("[data-strip] canvas");
await page.waitForFunction(() => document.querySelector("[data-any] img").naturalWidth > 0);
await clean(page, "desk");
await still("desk");

// A frame by the keyboard, words, takes; then it is composed.
await page.getByRole("radio", { name: /66 %/ }).check();
await page.locator("#any").focus();
await page.keyboard.press("ArrowRight");
assert.match(await page.locator("[data-any] input").inputValue(), /^\d+\.\d+s$/);
await page.getByRole("radio", { name: /66 %/ }).focus();
await page.keyboard.press("Space");
assert.ok(await page.getByRole("radio", { name: /66 %/ }).isChecked());
await page.fill("#prompt", "Background music, bright and quick, for a street in the morning");
await page.fill("#takes", "2");
await page.getByRole("button", { name: "Compose" }).click();
await page.waitForSelector(".panels", { timeout: 180_000 });
const first = page.url();
const asked = await (await fetch(`${url}/api/v1${new URL(first).pathname}`)).json();
assert.equal(asked.options.frame, "66%");
assert.equal(asked.options.prompt, "Background music, bright and quick, for a street in the morning");
ok("it is composed as asked");
await clean(page, "result");
assert.equal(await page.locator(".take").count(), 2);
assert.ok((await page.locator(".row").count()) > 0);
assert.ok((await page.locator("table tbody tr").count()) > 0);

// It plays, and the timeline is a slider.
await page.getByRole("button", { name: "Play", exact: true }).click();
await page.waitForFunction(() => document.querySelector("video").currentTime > 0.4, null, { timeout: 30_000 });
await page.getByRole("button", { name: "Pause", exact: true }).click();
ok("the film plays");
const slider = page.getByRole("slider", { name: "Position in the film" });
await slider.focus();
await page.keyboard.press("Home");
await page.waitForFunction(() => document.querySelector("video").currentTime === 0);
await page.keyboard.press("PageDown");
await page.waitForFunction(() => document.querySelector("video").currentTime > 0);
await page.keyboard.press("Home");
await page.keyboard.press(".");
await page.waitForFunction(() => Math.abs(document.querySelector("video").currentTime - 0.04) < 0.015);
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press("Space");
await page.waitForFunction(() => !document.querySelector("video").paused);
await page.keyboard.press("Space");
await page.waitForFunction(() => document.querySelector("video").paused);
// A second key before the film has begun to play: the play is overtaken, and nobody complains of it below.
await page.evaluate(() => {
  for (let time = 0; time < 2; time += 1) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true, cancelable: true }));
});
await page.waitForFunction(() => document.querySelector("video").paused);
ok("the keyboard goes from hit to hit and from frame to frame");
await page.getByRole("button", { name: "Listen against the film" }).click();
assert.ok(await page.evaluate(() => document.querySelector("video").muted));
await page.getByRole("button", { name: "Back to the film's own" }).click();
ok("takes are compared");

// Other volumes: mixed again, from the same notes.
await page.locator("#mix-music-volume").focus();
for (let step = 0; step < 8; step += 1) await page.keyboard.press("ArrowLeft");
await page.waitForURL((now) => now.href !== first, { timeout: 120_000 });
await page.waitForFunction(() => /\d/.test(document.querySelector(".mix .mix-told")?.textContent ?? ""), null, { timeout: 60_000 });
const mixed = await (await fetch(`${url}/api/v1${new URL(page.url()).pathname}`)).json();
assert.equal(mixed.status, "done");
assert.ok(Number(mixed.options["music-volume"]) < 1);
const notes = async (job) => (await fetch(url + job.artefacts.find((file) => file.name === "music.mid").url)).arrayBuffer();
assert.deepEqual(new Uint8Array(await notes(mixed)), new Uint8Array(await notes(asked)));
ok(`other volumes: ${await page.locator(".mix .mix-told").textContent()}`);

// One section anew; the others stay.
const again = page.url();
await page.getByRole("button", { name: /Compose anew: section 1/ }).click();
await page.waitForURL((now) => now.href !== again, { timeout: 120_000 });
await page.waitForSelector(".panels");
const renewed = await (await fetch(`${url}/api/v1${new URL(page.url()).pathname}`)).json();
assert.equal(renewed.status, "done");
assert.ok(Number(renewed.options.seed) > 0);
ok("a section is composed anew");

// Taken home.
const downloading = page.waitForEvent("download");
await page.locator(".files a", { hasText: "Film" }).first().click();
const download = await downloading;
await download.saveAs(`${folder}/film.mp4`);
ok("the film is downloaded");

// A picture of any size that is asked for, with its seconds.
await page.goto(`${url}/picture`);
await page.setInputFiles("#file", picture);
await page.waitForSelector("[data-desk]", { timeout: 120_000 });
await page.fill("#duration", "4");
await page.getByRole("button", { name: "Compose" }).click();
await page.waitForSelector(".panels", { timeout: 180_000 });
assert.ok(Math.abs((await page.evaluate(() => document.querySelector("video").duration)) - 4) < 0.2);
ok("a picture is scored for as long as asked");

// What was not made yet is made when it is asked for.
await page.goto(first);
await page.locator(".prepare").getByRole("button", { name: "Stems" }).click();
await page.waitForSelector(".files a:has-text('Stems')", { timeout: 120_000 });
ok("stems are made when they are asked for");

// A song and pictures become a film.
await page.goto(`${url}/film`);
await page.setInputFiles("#song", `${folder}/song.wav`);
await page.setInputFiles("#art", [picture, picture]);
await page.getByRole("radio", { name: /^cut/ }).check();
await page.getByRole("button", { name: "Paint the film" }).click();
await page.waitForSelector(".panels .figure", { timeout: 240_000 });
assert.ok(Math.abs((await page.evaluate(() => document.querySelector("video").duration)) - 4) < 0.2);
ok("a song becomes a film");
const forgotten = page.url();
await page.getByRole("button", { name: "Forget this job" }).click();
assert.equal(page.url(), forgotten);
await page.getByRole("button", { name: "Yes, forget it" }).click();
await page.waitForURL(`${url}/`);
assert.equal((await fetch(`${url}/api/v1${new URL(forgotten).pathname}`)).status, 404);
ok("a job is forgotten when it is said twice");

// A film is judged.
await page.goto(`${url}/evaluate`);
await page.setInputFiles("#file", `${folder}/film.mp4`);
await page.getByRole("button", { name: "Judge it" }).click();
await page.waitForSelector(".panels .figure", { timeout: 180_000 });
await clean(page, "judged");
ok("a film is judged");

// Who has no film takes ours.
await page.goto(url);
await page.getByRole("link", { name: "Take ours" }).click();
await page.waitForSelector("[data-desk]", { timeout: 120_000 });
await page.waitForSelector("[data-strip] canvas");
if (pictures) await page.screenshot({ path: `${pictures}/sample.png` });
ok("our own clip is watched");

// While it works, and when it is told to stop.
await page.fill("#takes", "8");
await page.getByRole("button", { name: "Compose" }).click();
await page.waitForSelector(".waiting");
assert.deepEqual(await violations(page), [], "at work");
await page.locator("[data-stop]").click();
await page.waitForSelector(".is-cancelled");
await clean(page, "a job that was stopped");
ok("a job is stopped while it works");

// What is wrong is told, with nothing lost.
await page.goto(url);
await page.setInputFiles("#file", { name: "not.mp4", mimeType: "video/mp4", buffer: Buffer.from("not a film at all") });
await page.waitForSelector("[data-wrong]:not([hidden])");
assert.match(await page.locator("[data-wrong]").textContent(), /not\.mp4/);
ok("a file that is no film is refused in words");
complaints.splice(0, complaints.length, ...complaints.filter((line) => !/415|422/.test(line)));

// A job that is forgotten is told as such.
assert.equal((await page.goto(`${url}/jobs/00000000000000000000000000`)).status(), 404);
assert.match(await page.locator(".wrong").first().textContent(), /no such job/);
complaints.splice(0, complaints.length, ...complaints.filter((line) => !/404/.test(line)));
await page.goto(url);

// All reels, with a light picture each, in their places before they are there.
await page.goto(`${url}/jobs`);
await page.waitForFunction(() => [...document.querySelectorAll(".reel img")].slice(0, 3).every((image) => image.naturalWidth === 660));
await clean(page, "history");
await still("history");
const weights = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("thumbnail.jpg")).map(({ encodedBodySize }) => encodedBodySize));
assert.ok(weights.length >= 3 && weights.every((bytes) => bytes < 40_000), `${weights}`);
await page.goto(url);
ok("a thumbnail is light and shifts nothing");

// The history is there, and a phone has no sideways scroll.
assert.ok((await page.locator(".reel").count()) >= 5);
ok("what was done before is listed");
const phone = await open({ viewport: { width: 390, height: 844 } });
const small = watch(await phone.newPage(), complaints);
for (const path of ["/", "/film", new URL(first).pathname]) {
  await small.goto(url + path, { waitUntil: "load" });
  if (path.startsWith("/jobs")) await small.waitForSelector(".panels");
  const [wide, seen] = await small.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= seen, `${path} is ${wide} wide on a screen of ${seen}`);
}
await clean(small, "phone");
await phone.close();
ok("it fits a phone");

// Without scripts: upload, wait, download; and what is wrong is told beside its field, with what was filled in.
const plain = await open({ javaScriptEnabled: false, acceptDownloads: true });
const bare = await plain.newPage();
await bare.goto(url);
for (const door of await bare.locator("details > summary").all()) await door.click();
await bare.fill("#loudness", "loud");
await bare.fill("#mood", "tense & dark");
await bare.setInputFiles("#file", clip);
await bare.getByRole("button", { name: "Score it at once" }).click();
assert.match(await bare.locator("#loudness-wrong").textContent(), /"loud" is not a loudness/);
assert.equal(await bare.inputValue("#loudness"), "loud");
assert.equal(await bare.inputValue("#mood"), "tense & dark");
assert.ok(await bare.locator("#loudness").isVisible());
await bare.getByRole("link", { name: "Loudness" }).click();
await bare.goto(url);
ok("without scripts a field is told wrong as well");
await bare.setInputFiles("#file", clip);
await bare.getByRole("button", { name: "Score it at once" }).click();
await bare.waitForSelector(".files a", { timeout: 180_000 });
const saving = bare.waitForEvent("download");
await bare.locator(".files a", { hasText: "Film" }).first().click();
await (await saving).saveAs(`${folder}/plain.mp4`);
await plain.close();
ok("it works without scripts");

assert.deepEqual(complaints, [], "the browser complains");
ok("the browser complains of nothing");
await browser.close();
