// The peaks of a sound, decoded by the browser.

/** Sound beyond this is not fetched whole to draw its wave, bytes. */
const DRAWN = 40e6;

/** About `count` peaks, 0 to 1, of what lies at `url`; none where it is too large or has no sound. */
export async function peaks({ url, bytes }, count = 2400) {
  if (bytes > DRAWN) return null;
  try {
    const answer = await fetch(url);
    const sound = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(await answer.arrayBuffer());
    const samples = sound.getChannelData(0);
    return Array.from({ length: count }, (_, n) => {
      let peak = 0;
      const to = Math.floor(((n + 1) / count) * samples.length);
      for (let place = Math.floor((n / count) * samples.length); place < to; place += 4) peak = Math.max(peak, Math.abs(samples[place]));
      return peak;
    });
  } catch {
    return null;
  }
}
