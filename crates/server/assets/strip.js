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

/** Draws frames side by side in a row of `height`, each the one shown at its place in time. */
export function frames(pen, film, seconds, width, y, height) {
  const across = (film.width / film.height) * height;
  for (let x = 0; x < width; x += across) {
    const time = ((x + across / 2) / width) * seconds;
    let nearest = 0;
    film.times_s.forEach((at, place) => {
      if (Math.abs(at - time) < Math.abs(film.times_s[nearest] - time)) nearest = place;
    });
    const shown = Math.min(across, width - x);
    pen.drawImage(film.image, nearest * film.width, 0, film.width * (shown / across), film.height, x, y, shown, height);
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
