"""The seed system's score, made anew from its own parts (librosa, OpenCV, fastdtw), beside that of `synchresis evaluate`.

    pip install -r tests/reference/requirements.txt
    cargo build --release -p synchresis-cli
    python tests/reference/rhythm_consistency.py --ours target/release/synchresis FILM…

For each film: the score by both, and how many beats and events each found, in brackets how many of theirs we have too
(beats within a hop, events within a tenth of a millisecond).
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import cv2
import librosa
import numpy as np
from fastdtw import fastdtw
from scipy.spatial.distance import euclidean

BEAT_FLOOR, CHANGE_FLOOR, GAP_MS = 0.40, 225_000, 1000.0


def beats_of(film):
    """librosa's beats above 0.40 of the normalised onset strength, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", film, "-vn", str(wav)], check=True)
        y, sr = librosa.load(wav)
    strength = librosa.onset.onset_strength(y=y, sr=sr)
    _, frames = librosa.beat.beat_track(y=y, sr=sr)
    top = strength.max() or 1.0
    return [float(t) for f, t in zip(frames, librosa.frames_to_time(frames, sr=sr)) if strength[f] / top > BEAT_FLOOR]


def counts_of(film):
    """For each frame but the first: milliseconds, and how many values differ from the frame before."""
    capture, before = cv2.VideoCapture(str(film)), None
    while True:
        there, frame = capture.read()
        if not there:
            break
        if before is not None:
            yield capture.get(cv2.CAP_PROP_POS_MSEC), int(np.count_nonzero(cv2.absdiff(frame, before)))
        before = frame


def events_of(counts):
    events = []
    for ms, values in counts:
        # A microsecond forgives what the container's ticks round away.
        if values > CHANGE_FLOOR and (not events or ms - events[-1] >= GAP_MS - 1e-3):
            events.append(ms)
    return [ms / 1000 for ms in events]


def score(beats, events):
    if not beats or not events:
        return None
    distance, path = fastdtw(np.array(beats).reshape(-1, 1), np.array(events).reshape(-1, 1), radius=1, dist=euclidean)
    return 1 / (1 + distance / len(path))


def near(a, b, reach):
    return sum(any(abs(x - y) <= reach for y in b) for x in a)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default="target/release/synchresis")
    parser.add_argument("films", nargs="+")
    args = parser.parse_args()
    print(f"{'film':<28}{'theirs':>9}{'ours':>9}{'differ':>9}   beats (same)    events (same)")
    worst = 0.0
    for film in args.films:
        beats = beats_of(film)
        events = events_of(list(counts_of(film)))
        theirs = score(beats, events)
        run = subprocess.run([args.ours, "evaluate", film, "--json"], check=True, capture_output=True)
        sync = json.loads(run.stdout)["sync"]
        ours = (sync.get("rhythm_consistency") or {}).get("value")
        rhythm = sync.get("rhythm") or {"beats": [], "events": []}
        differ = abs(theirs - ours) if theirs is not None and ours is not None else float(theirs is not ours)
        worst = max(worst, differ)
        show = lambda v: "none" if v is None else f"{v:.4f}"
        print(
            f"{Path(film).name[-27:]:<28}{show(theirs):>9}{show(ours):>9}{differ:>9.4f}   "
            f"{len(beats)}, {len(rhythm['beats'])} ({near(beats, rhythm['beats'], 512 / 22050 + 1e-6)})   "
            f"{len(events)}, {len(rhythm['events'])} ({near(events, rhythm['events'], 1e-4)})"
        )
    print(f"worst difference {worst:.4f} (aim 0.02)")
    raise SystemExit(worst > 0.02)


if __name__ == "__main__":
    main()
