#!/usr/bin/env python3
"""Shot detection against PySceneDetect's AdaptiveDetector, on edits of real footage whose cuts are known.

    pip install "scenedetect[opencv]"            (brings OpenCV and numpy; ffmpeg must be installed)
    benches/shots.py --footage CLIPS_AND_PICTURES… --ours "synchresis frames {input} --json"

Clips and pictures may be files or folders. From them it makes edits: pieces of clips and moves over pictures, fast pans
and shaken cameras among them, joined by hard cuts, some by dissolves, wipes and fades, with flashes, strobes, pictures
laid over, letterboxes, noise, darkness and repeated frames. The same seed makes the same edits. Both detectors then read
the same files, one after the other. Printed: precision, recall and F1 for hard cuts at a tolerance of one frame (what
either finds within a dissolve or a fade counts neither for nor against it), the same for all transitions (a gradual one
counts as found when something is found within it), and the time each took: on the wall, in seconds of processor time,
and that less what bare decoding of the same films takes in the same way (OpenCV for the peer, ffmpeg for ours), since no
detector can be faster than its decoder.

`--ours` is any command that prints a document with `sighting.shots[].start_s`. `--made DIR` keeps the edits.
"""

import argparse
import json
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 360
VIDEO = {".mp4", ".avi", ".mkv", ".mov", ".webm"}
PICTURE = {".png", ".jpg", ".jpeg", ".webp"}
# Real clips that are edited themselves: the first frames of their inner shots, found by eye.
INNER = {"bikes.mp4": [30, 76, 137, 187, 242]}


def fit(picture, x=0.5, y=0.5, zoom=1.0):
    """A 16:9 window of a picture: centre (0 to 1) and zoom (1: as large as fits), at the size of the edits."""
    h, w = picture.shape[:2]
    ww = min(w, h * WIDTH / HEIGHT) / zoom
    hh = ww * HEIGHT / WIDTH
    cx, cy = ww / 2 + (w - ww) * x, hh / 2 + (h - hh) * y
    scale = WIDTH / ww
    move = np.float32([[scale, 0, WIDTH / 2 - cx * scale], [0, scale, HEIGHT / 2 - cy * scale]])
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=shrink, borderMode=cv2.BORDER_REPLICATE)


class Footage:
    """Pieces of the clips and pictures given."""

    def __init__(self, paths):
        files = []
        for path in map(Path, paths):
            files += sorted(path.rglob("*")) if path.is_dir() else [path]
        self.clips = [f for f in files if f.suffix.lower() in VIDEO]
        self.pictures = [f for f in files if f.suffix.lower() in PICTURE]
        self.loaded = {}

    def frames(self, path):
        if path not in self.loaded:
            video, frames = cv2.VideoCapture(str(path)), []
            while len(frames) < 400:
                ok, frame = video.read()
                if not ok:
                    break
                w = 960 if frame.shape[1] > 960 else frame.shape[1]
                frames.append(cv2.resize(frame, (w, frame.shape[0] * w // frame.shape[1]), interpolation=cv2.INTER_AREA))
            self.loaded[path] = frames
        return self.loaded[path]

    def picture(self, path):
        if path not in self.loaded:
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is not None and max(picture.shape[:2]) > 1600:
                k = 1600 / max(picture.shape[:2])
                picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            self.loaded[path] = picture
        return self.loaded[path]

    def piece(self, rng, n, last):
        """`n` frames of one shot, the truth of it being one shot, and where it comes from. `last` is where the piece
        before came from: sometimes the same clip is taken again, some time apart, for a cut between similar shots."""
        again = last is not None and last[0] in self.clips and rng.random() < 0.25
        if again or (self.clips and rng.random() < 0.5) or not self.pictures:
            path = last[0] if again else rng.choice(self.clips)
            frames = self.frames(path)
            starts = [0] + INNER.get(path.name, []) + [len(frames)]
            spans = [(a, b) for a, b in zip(starts, starts[1:]) if b - a >= 6]
            a, b = rng.choice(spans)
            if again and len(spans) == 1:
                # The other half of the clip, so that time has jumped.
                middle = (a + b) // 2
                a, b = (middle + 12, b) if last[1] < middle else (a, middle - 12)
            elif again and len(spans) > 1:
                a, b = rng.choice([s for s in spans if not s[0] <= last[1] < s[1]])
            n = min(n, b - a)
            start = rng.randrange(a, b - n + 1)
            zoom, x, y = rng.choice([1.0, 1.0, 1.0, rng.uniform(1.1, 1.7)]), rng.random(), rng.random()
            if again and len(spans) == 1 and zoom < 1.3:
                zoom = rng.uniform(1.3, 1.8)
            shake = rng.random() < 0.2
            windows, jx, jy = [], 0.0, 0.0
            for _ in range(n):
                jx, jy = 0.7 * jx + rng.gauss(0, 0.02), 0.7 * jy + rng.gauss(0, 0.02)
                windows.append((jx, jy) if shake else (0.0, 0.0))
            if shake:
                zoom = max(zoom, 1.35)
            mirror = rng.random() < 0.2 and not again
            made = []
            for i, (jx, jy) in enumerate(windows):
                frame = fit(frames[start + i], np.clip(x + jx, 0, 1), np.clip(y + jy, 0, 1), zoom)
                made.append(frame[:, ::-1] if mirror else frame)
            return made, (path, start + n)
        while True:
            path = rng.choice(self.pictures)
            picture = self.picture(path)
            if picture is not None and min(picture.shape[:2]) >= 150 and (last is None or path != last[0]):
                break
        kind = rng.choice(["still", "slow", "slow", "fast", "shaken", "zoom", "whip"])
        if n < 20 and kind in ("fast", "whip", "zoom"):
            kind = "slow"
        x0, y0, x1, y1 = (rng.random() for _ in range(4))
        z0 = z1 = rng.uniform(1.2, 2.0)
        if kind == "still":
            x1, y1 = x0, y0
        elif kind == "slow":
            x1, y1 = x0 + (x1 - x0) * 0.25, y0 + (y1 - y0) * 0.25
        elif kind == "zoom":
            x1, y1, z1 = x0, y0, z0 * rng.choice([0.7, 1.5, 2.0])
        elif kind in ("fast", "whip"):
            z0 = z1 = rng.uniform(2.0, 3.0)
            x0, x1 = rng.choice([(0.0, 1.0), (1.0, 0.0)])
        made, jx, jy = [], 0.0, 0.0
        for i in range(n):
            t = i / max(n - 1, 1)
            if kind == "whip":
                # A whip pan: rest, a burst within a third of the shot, rest.
                t = np.clip((t - 0.35) / 0.3, 0, 1)
                t = t * t * (3 - 2 * t)
            if kind == "shaken":
                jx, jy = 0.75 * jx + rng.gauss(0, 0.03), 0.75 * jy + rng.gauss(0, 0.03)
            x, y = x0 + (x1 - x0) * t + jx, y0 + (y1 - y0) * t + jy
            made.append(fit(picture, np.clip(x, 0, 1), np.clip(y, 0, 1), max(1.0, z0 + (z1 - z0) * t)))
        return made, (path, 0)


def flash(rng, frames):
    """A camera's flash or a stroke of lightning: 1 to 3 bright frames, dying away."""
    at, gain = rng.randrange(2, max(3, len(frames) - 4)), rng.uniform(1.8, 4.0)
    for i in range(at, min(at + rng.choice([1, 1, 2, 3]), len(frames))):
        frames[i] = np.clip(frames[i].astype(np.float32) * gain + 25 * gain, 0, 255).astype(np.uint8)
        gain = 1 + (gain - 1) * 0.6


def strobe(rng, frames):
    for i in range(len(frames)):
        if i // 2 % 2:
            frames[i] = (frames[i] * 0.35).astype(np.uint8)


def overlay(rng, frames):
    """A caption that pops up and goes away: no cut."""
    a, b = sorted(rng.randrange(len(frames)) for _ in range(2))
    x, y = rng.randrange(20, 200), rng.randrange(250, 320)
    for i in range(a, b):
        frames[i] = frames[i].copy()
        cv2.rectangle(frames[i], (x, y - 30), (x + 300, y + 10), (30, 30, 30), -1)
        cv2.putText(frames[i], "A caption, not a cut", (x + 8, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (240, 240, 240), 2)


def explosion(rng, frames):
    """Fire from the middle, growing and dying within a second."""
    at, n = rng.randrange(max(1, len(frames) - 10)), rng.randrange(15, 30)
    noise = np.random.default_rng(rng.randrange(1 << 30))
    billows = [noise.random((9, 16), dtype=np.float32) for _ in range(2 + n // 4)]
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for i in range(at, min(at + n, len(frames))):
        t = (i - at) / n
        k, part = divmod((i - at) / 4, 1)
        turmoil = cv2.resize(billows[int(k)] * (1 - part) + billows[int(k) + 1] * part, (WIDTH, HEIGHT))
        r = np.hypot(xs - WIDTH / 2, ys - HEIGHT / 2) / WIDTH
        a = np.clip((0.9 * np.sin(np.pi * min(1, t + 0.05)) * (0.5 + turmoil) - r) * 4, 0, 1)[..., None]
        fire = np.stack([turmoil * 120, 120 + turmoil * 130, np.full_like(turmoil, 255)], -1)
        frames[i] = (frames[i] * (1 - a) + fire * a).astype(np.uint8)


def edit(footage, seed, seconds):
    """Frames, rate, first frames of the shots that begin with a hard cut, and [first, last] of gradual transitions."""
    rng = random.Random(seed)
    rate = rng.choice([24, 25, 30, 50])
    frames, cuts, gradual, last = [], [], [], None
    pace = rng.choice([0.6, 1.5, 3.0])
    while len(frames) < seconds * rate:
        n = max(int(rate * min(8.0, rng.lognormvariate(np.log(pace), 0.6))), rate // 4)
        shot, last = footage.piece(rng, n, last)
        shot = [f.copy() for f in shot]
        if rng.random() < 0.3:
            gain, lift = rng.uniform(0.6, 1.2), rng.uniform(-10, 20)
            shot = [np.clip(f * gain + lift, 0, 255).astype(np.uint8) for f in shot]
        if len(shot) > rate // 2:
            event = rng.random()
            for least, happen in [(0.88, flash), (0.85, strobe), (0.77, overlay), (0.72, explosion)]:
                if event > least:
                    happen(rng, shot)
                    break
        how = rng.random()
        n = min(rng.randrange(rate // 4, 2 * rate), len(frames) // 2, len(shot) // 2)
        if not frames:
            frames = shot
        elif how < 0.78 or n < rate // 5 or (gradual and gradual[-1][1] > len(frames) - n - 2):
            cuts.append(len(frames))
            frames += shot
        elif how < 0.92:
            first = len(frames) - n
            slope = rng.random() < 0.3
            for i in range(n):
                a = (i + 1) / (n + 1)
                if slope:
                    edge = int(a * WIDTH)
                    frames[first + i] = np.concatenate([shot[i][:, :edge], frames[first + i][:, edge:]], 1)
                else:
                    frames[first + i] = cv2.addWeighted(frames[first + i], 1 - a, shot[i], a, 0)
            gradual.append([first, first + n - 1])
            frames += shot[n:]
        else:
            colour = rng.choice([(0, 0, 0), (0, 0, 0), (255, 255, 255)])
            plain = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
            first = len(frames) - n
            for i in range(n):
                a = (i + 1) / n
                frames[first + i] = cv2.addWeighted(frames[first + i], 1 - a, plain, a, 0)
                shot[i] = cv2.addWeighted(plain, 1 - i / n, shot[i], i / n, 0)
            held = rng.randrange(0, rate // 2)
            gradual.append([first, len(frames) + held + n - 1])
            frames += [plain] * held + shot
    look = rng.random()
    if look < 0.12:
        frames = [(f * 0.3).astype(np.uint8) for f in frames]
    elif look < 0.3:
        grain = np.random.default_rng(seed)
        frames = [np.clip(f + grain.normal(0, 9, f.shape), 0, 255).astype(np.uint8) for f in frames]
    elif look < 0.45:
        for f in range(len(frames)):
            frames[f] = frames[f].copy()
            frames[f][:44] = frames[f][-44:] = 0
    if rate == 24 and rng.random() < 0.6:
        # 24 in 30: every fourth frame twice.
        to = [i + i // 4 for i in range(len(frames) + 1)]
        frames = [f for i, f in enumerate(frames) for f in ([f, f] if i % 4 == 3 else [f])]
        cuts, gradual, rate = [to[c] for c in cuts], [[to[a], to[b]] for a, b in gradual], 30
    return frames, rate, cuts, gradual


def write(path, frames, rate):
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(rate),
               "-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-pix_fmt", "yuv420p", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        for frame in frames:
            encoder.stdin.write(np.ascontiguousarray(frame).tobytes())
        encoder.stdin.close()


def peer(path, min_scene_len=None):
    from scenedetect import AdaptiveDetector, detect

    options = {} if min_scene_len is None else {"min_scene_len": min_scene_len}
    return [start.frame_num for start, _ in detect(str(path), AdaptiveDetector(**options))][1:]


def ours(command, path, rate):
    run = subprocess.run([a.replace("{input}", str(path)) for a in shlex.split(command)], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{command} on {path}: exit {run.returncode}\n{run.stderr}")
    return [round(shot["start_s"] * rate) for shot in json.loads(run.stdout)["sighting"]["shots"]][1:]


def bare_opencv(path):
    video = cv2.VideoCapture(str(path))
    while video.read()[0]:
        pass


def bare_ffmpeg(path):
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-"], check=True)


def processor():
    """Seconds of processor time of this process and of its children that ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def pair(found, truth, tolerance):
    """Truths met, and what is left of the finds, each truth taking its nearest find."""
    left, met = sorted(found), 0
    for t in truth:
        near = min(left, key=lambda f: abs(f - t), default=None)
        if near is not None and abs(near - t) <= tolerance:
            left.remove(near)
            met += 1
    return met, left


class Tally:
    def __init__(self):
        self.met = self.missed = self.false = 0

    def add(self, met, truths, false):
        self.met, self.missed, self.false = self.met + met, self.missed + truths - met, self.false + false

    def __str__(self):
        p = self.met / max(self.met + self.false, 1)
        r = self.met / max(self.met + self.missed, 1)
        return f"precision {p:.3f}  recall {r:.3f}  F1 {2 * p * r / max(p + r, 1e-9):.3f}  ({self.met} met, {self.missed} missed, {self.false} false)"


def judge(found, cuts, gradual, hard, every):
    met, left = pair(found, cuts, 1)
    within = lambda f: any(a - 1 <= f <= b + 1 for a, b in gradual)
    outside = [f for f in left if not within(f)]
    hard.add(met, len(cuts), len(outside))
    reached = sum(any(a - 1 <= f <= b + 1 for f in left) for a, b in gradual)
    every.add(met + reached, len(cuts) + len(gradual), len(left) - reached)
    return outside, [c for c in cuts if all(abs(c - f) > 1 for f in found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", nargs="+", required=True)
    parser.add_argument("--ours", required=True, help="a command with {input} in it")
    parser.add_argument("--edits", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--made", help="keep the edits here, and take what is there already")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    folder = Path(args.made or tempfile.mkdtemp(prefix="shots-"))
    folder.mkdir(parents=True, exist_ok=True)
    footage, edits = None, []
    for seed in range(args.seed, args.seed + args.edits):
        path, labels = folder / f"{seed}.mp4", folder / f"{seed}.json"
        if not labels.exists():
            footage = footage or Footage(args.footage)
            frames, rate, cuts, gradual = edit(footage, seed, args.seconds)
            write(path, frames, rate)
            labels.write_text(json.dumps({"rate": rate, "cuts": cuts, "gradual": gradual, "frames": len(frames)}))
        edits.append((path, json.loads(labels.read_text())))
    # The same clips as they are, where their cuts are known.
    for name, cuts in INNER.items():
        for path in (p for given in args.footage for p in ([Path(given)] if Path(given).is_file() else Path(given).rglob(name))):
            if path.name == name:
                video = cv2.VideoCapture(str(path))
                edits.append((path, {"rate": video.get(cv2.CAP_PROP_FPS), "cuts": cuts, "gradual": [],
                                     "frames": int(video.get(cv2.CAP_PROP_FRAME_COUNT))}))
    if not args.no_peer:
        import scenedetect  # noqa: F401  (loading it is not its detector's time)
    detectors = {"ours": lambda p, rate: ours(args.ours, p, rate)}
    if not args.no_peer:
        detectors["AdaptiveDetector"] = lambda p, rate: peer(p)
        detectors["AdaptiveDetector, min_scene_len=3"] = lambda p, rate: peer(p, 3)
    total = sum(e["frames"] for _, e in edits)
    print(f"{len(edits)} films, {total} frames, {sum(len(e['cuts']) for _, e in edits)} hard cuts, "
          f"{sum(len(e['gradual']) for _, e in edits)} gradual transitions")
    for name, detector in detectors.items():
        hard, every, spent, busy, bare = Tally(), Tally(), 0.0, 0.0, 0.0
        for path, truth in edits:
            begun, used = time.perf_counter(), processor()
            found = detector(path, truth["rate"])
            spent, busy, used = spent + time.perf_counter() - begun, busy + processor() - used, processor()
            (bare_ffmpeg if name == "ours" else bare_opencv)(path)
            bare += processor() - used
            false, missed = judge(found, truth["cuts"], truth["gradual"], hard, every)
            if args.verbose and (false or missed):
                print(f"  {name}: {path.name}: false at {false}, missed {missed}")
        print(f"{name}\n  hard cuts        {hard}\n  all transitions  {every}\n  {spent:.2f} s on the wall; {busy:.2f} s of processor time, "
              f"{busy - bare:.2f} s of it beyond decoding, {1e6 * (busy - bare) / total:.0f} µs a frame")


if __name__ == "__main__":
    main()
