"""How fast songs are heard, beside librosa in the same run, both warm.

    cargo build --release -p synchresis-sound --example hear
    python benches/hear.py target/release/examples/hear SONG…

librosa does what `Listener` does: load, onset strength by mean and by median, onsets, tempo and beats, HPSS, chroma, RMS,
centroid. ("core" is load, onset strength and beats alone, against all of ours.) The best of two runs of each counts.
"""

import json
import subprocess
import sys
import time

import librosa
import numpy as np


def steps(path):
    times = {}

    def timed(name, work):
        begun = time.perf_counter()
        out = work()
        times[name] = time.perf_counter() - begun
        return out

    y = timed("load", lambda: librosa.load(path)[0])
    onset = timed("onset_strength", lambda: librosa.onset.onset_strength(y=y))
    timed("onset_detect", lambda: librosa.onset.onset_detect(onset_envelope=onset))
    timed("beat_track", lambda: librosa.beat.beat_track(y=y))
    magnitude = timed("stft", lambda: np.abs(librosa.stft(y)))
    timed("hpss", lambda: librosa.decompose.hpss(magnitude))
    timed("chroma_stft", lambda: librosa.feature.chroma_stft(y=y))
    timed("rms, centroid", lambda: (librosa.feature.rms(y=y), librosa.feature.spectral_centroid(y=y)))
    return times, len(y) / 22050


def ours(hear, path):
    out = subprocess.run([hear, path], check=True, capture_output=True).stdout
    return json.loads(out)["seconds"]


def main():
    hear, songs = sys.argv[1], sys.argv[2:]
    steps(songs[0])
    ours(hear, songs[0])
    for song in songs:
        runs = [steps(song) for _ in range(2)]
        theirs = {k: min(r[0][k] for r in runs) for k in runs[0][0]}
        mine = min(ours(hear, song) for _ in range(2))
        whole = sum(theirs.values())
        core = theirs["load"] + theirs["onset_strength"] + theirs["beat_track"]
        print(
            f"{song}: {runs[0][1]:.0f} s of sound; librosa {whole:.2f} s (core {core:.2f} s), ours {mine:.2f} s: "
            f"{whole / mine:.1f} times as fast (core {core / mine:.1f}), {runs[0][1] / mine:.0f} times real time"
        )
        print("   ", ", ".join(f"{k} {v:.2f}" for k, v in theirs.items()))


main()
