#!/usr/bin/env python3
"""How a mix survives mono and a telephone's loudspeaker, how its bands balance, and how hard it is limited, beside real
recordings in the same run.

    cargo build --release -p synchresis-cli && scripts/media
    pip install numpy soundfile pyloudnorm
    python benches/mix.py --clip target/media/bikes.mp4 --songs /usr/share/games/singularity/music [--styles rock,bossa]

Each style scores the clip with the built-in voices, the clip's own sound dropped, and is heard as a WAV after its master.
Printed per style, and as range and middle of the real recordings:

  correlation   of left and right over the whole piece (1: mono, 0: unlike, below 0: it vanishes in mono)
  low side      energy of the side signal below 120 Hz against the middle's there, dB
  mono          loudness of the mono sum against stereo, LU
  phone         loudness of the mono sum between 350 Hz and 8 kHz (24 dB an octave) against stereo, LU
  limiter       what the master's limiter takes, dB, in the loudest tenth of the time, and the share of the time in which it
                takes more than 6 dB: from the sound before and after the master, a millisecond at a time
  bands         energy in 8 octave bands, 63 Hz to 8 kHz, dB against their sum; `off` is the mean distance of the bands
                from the middle of the real recordings, beside the same figure for a real recording left out of the middle
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np
import pyloudnorm
import soundfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/synchresis"
CENTRES = [63, 125, 250, 500, 1000, 2000, 4000, 8000]


def within(x, rate, low, high, slope=4):
    """Butterworth magnitudes of that order on both sides, applied in the spectrum (no phase to mind)."""
    spectrum, f = np.fft.rfft(x, axis=0), np.fft.rfftfreq(len(x), 1 / rate)
    gain = np.ones_like(f)
    with np.errstate(divide="ignore", over="ignore"):
        if low:
            gain *= 1 / np.sqrt(1 + (low / np.maximum(f, 1e-9)) ** (2 * slope))
        if high:
            gain *= 1 / np.sqrt(1 + (f / high) ** (2 * slope))
    return np.fft.irfft(spectrum * (gain[:, None] if x.ndim == 2 else gain), len(x), axis=0)


def decibel(ratio):
    return 10 * np.log10(max(ratio, 1e-12))


def measure(wav):
    x, rate = soundfile.read(wav, always_2d=True)
    if x.shape[1] == 1:
        x = np.repeat(x, 2, axis=1)
    left, right = x[:, 0], x[:, 1]
    middle, side = (left + right) / 2, (left - right) / 2
    power = np.sqrt((left**2).sum() * (right**2).sum())
    low_middle, low_side = within(middle, rate, None, 120, 8), within(side, rate, None, 120, 8)
    meter = pyloudnorm.Meter(rate)
    loud = meter.integrated_loudness(x)
    # The same middle out of both loudspeakers of a pair.
    mono = meter.integrated_loudness(np.stack([middle, middle], axis=1))
    small = within(middle, rate, 350, 8000)
    phone = meter.integrated_loudness(np.stack([small, small], axis=1))
    spectrum, f = np.abs(np.fft.rfft(middle)) ** 2, np.fft.rfftfreq(len(middle), 1 / rate)
    bands = np.array([spectrum[(f >= c / 2**0.5) & (f < c * 2**0.5)].sum() for c in CENTRES])
    return {
        "correlation": float((left * right).sum() / power) if power else 1.0,
        "low side": decibel((low_side**2).sum() / max((low_middle**2).sum(), 1e-12)),
        "mono": mono - loud,
        "phone": phone - loud,
        "bands": 10 * np.log10(np.maximum(bands / bands.sum(), 1e-6)),
    }


def limiting(before, after):
    """(Reduction that a tenth of the time exceeds in dB, share of the time above 6 dB); 0 is where the limiter rests."""
    a, rate = soundfile.read(before, always_2d=True)
    b, _ = soundfile.read(after, always_2d=True)
    cell = rate // 1000
    n = min(len(a), len(b)) // cell * cell
    a, b = ((x[:n] ** 2).sum(axis=1).reshape(-1, cell).sum(axis=1) for x in (a, b))
    heard = a > 1e-7 * a.max()
    gain = 10 * np.log10(np.maximum(b[heard], 1e-20) / a[heard])
    taken = np.percentile(gain, 99.5) - gain
    return float(np.percentile(taken, 90)), float((taken > 6).mean())


def shown(name, m, off):
    bands = " ".join(f"{b:6.1f}" for b in m["bands"])
    limiter = "{:4.1f} {:5.1%}".format(*m["limiter"]) if "limiter" in m else " " * 10
    print(f"{name:22} {m['correlation']:5.2f} {m['low side']:7.1f} {m['mono']:6.1f} {m['phone']:6.1f} {limiter}  {bands}  {off:5.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clip", required=True, type=pathlib.Path)
    parser.add_argument("--songs", required=True, type=pathlib.Path)
    parser.add_argument("--styles")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    listed = subprocess.run([BINARY, "styles", "--json"], check=True, capture_output=True, text=True).stdout
    styles = options.styles.split(",") if options.styles else [s["name"] for s in json.loads(listed)]
    work = pathlib.Path(tempfile.mkdtemp())
    real = []
    for i, song in enumerate(sorted(p for p in options.songs.rglob("*") if p.suffix in {".ogg", ".mp3", ".flac", ".wav"})):
        wav = work / f"song{i}.wav"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-ss", "30", "-t", "60", "-i", song, "-ar", "48000", wav], check=True)
        real.append((song.stem, measure(wav)))
        wav.unlink()
    middle = np.median([m["bands"] for _, m in real], axis=0)

    def off(m):
        return float(np.abs(m["bands"] - middle).mean())

    print(f"{'':22} {'corr':>5} {'lowside':>7} {'mono':>6} {'phone':>6} {'limiter':>10}  " + " ".join(f"{c:>6}" for c in CENTRES) + "    off")
    for name, m in real:
        shown(name[:22], m, off(m))
    print()
    ours = []
    for style in styles:
        wavs = {stage: work / f"{style}-{stage}.wav" for stage in ("render", "mix")}
        for stage, wav in wavs.items():
            subprocess.run([BINARY, "--quiet", "--cache-dir", work / "cache", stage, options.clip, "--style", style, "--seed",
                            options.seed, "--original", "drop", "--soundbank", "none", "-o", wav], check=True, stdout=subprocess.DEVNULL)
        ours.append(measure(wavs["mix"]) | {"limiter": limiting(wavs["render"], wavs["mix"])})
        shown(style, ours[-1], off(ours[-1]))
    for name, group in (("real, middle", [m for _, m in real]), ("ours, middle", ours)):
        print(f"{name:22} " + "  ".join(f"{k} {statistics.median(m[k] for m in group):.2f}" for k in ("correlation", "low side", "mono", "phone"))
              + (f"  limiter {statistics.median(m['limiter'][0] for m in group):.1f} dB, worst {max(m['limiter'][1] for m in group):.1%} of the time above 6 dB" if group is ours else "")
              + f"  off {statistics.median(off(m) for m in group):.1f}")


if __name__ == "__main__":
    main()
