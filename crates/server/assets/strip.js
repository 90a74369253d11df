// The film as a strip of frames, drawn along time.

/** Fetches the picture and the times of its frames. */
export async function strip(url) {
  if (!url) return null;
  const [facts, image] = await Promise.all([
    fetch(url.replace(/\.jpg$/, ".json")).then((answer) => (answer.ok ? answer.json() : null)),
    new Promise((done) => {
      const image = new Image();
      image.onload = () => done(image);
      image.onerror = () => done(null);
      image.src = url;
    }),
  ]);
  return facts && image ? { ...facts, image } : null;
}

/** Draws frames side by side in a row of `height`, shot by shot, each the one shown at its place in time. */
export function frames(pen, film, seconds, width, y, height, cuts = []) {
  const across = (film.width / film.height) * height;
  const edges = [0, ...cuts.filter((cut) => cut > 0 && cut < seconds), seconds];
  for (let shot = 0; shot + 1 < edges.length; shot += 1) {
    const [from, to] = [edges[shot], edges[shot + 1]];
    const end = (to / seconds) * width;
    const inside = film.times_s.map((at, place) => ({ at, place })).filter(({ at }) => at >= from - 1e-3 && at < to - 1e-3);
    for (let x = (from / seconds) * width; x < end - 0.5; x += across) {
      const shown = Math.min(across, end - x);
      const time = ((x + shown / 2) / width) * seconds;
      const among = inside.length ? inside : film.times_s.map((at, place) => ({ at, place }));
      const nearest = among.reduce((best, one) => (Math.abs(one.at - time) < Math.abs(best.at - time) ? one : best));
      pen.drawImage(film.image, nearest.place * film.width, 0, film.width * (shown / across), film.height, x, y, shown, height);
    }
  }
}

/** A pen for a canvas in CSS pixels, whatever the screen's density. */
export function pen(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const density = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * density));
  canvas.height = Math.max(1, Math.round(height * density));
  const context = canvas.getContext("2d");
  context.scale(density, density);
  return { context, width, height };
}
