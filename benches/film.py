#!/usr/bin/env python3
"""Films beside the seed system's way, and beside bare encoding.

    cargo build --release -p synchresis-cli
    python3 benches/film.py sync  --songs SONG… --art PICTURE… [--looks pulse,cut] [--seconds 20]
    python3 benches/film.py speed --songs SONG  --art PICTURE… [--looks pulse,cut] [--seconds 30] [--pairs 3]
    python3 benches/film.py memory --songs SONG --art PICTURE… [--minutes 0.5 10]

`sync` makes a film of each song with `--look seed` (the seed system's way in pixels: a plain cross-fade along the song's
energy) and with our looks, judges each by `synchresis evaluate` and prints every figure with chance beside it. `speed`
paints and encodes, then lets ffmpeg encode the very frames that were painted from a raw file with the same settings, in turn. `memory` is
the peak of all processes for half a minute and for ten.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

# Where hearing and films are remembered while this runs; another place than a person's own.
BASE = ["--cache-dir", tempfile.mkdtemp(prefix="film-bench-")]
ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/synchresis"
OURS = ["calm", "dream", "pulse", "cut", "kaleido", "prism", "film"]
# The settings of the film's encoder; `crates/media/src/container.rs` has them.
ENCODER = "-c:v libx264 -preset {preset} -crf {crf} -pix_fmt yuv420p".split()


def quiet(*args, **more):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def part(song, seconds, folder):
    """The first `seconds` of a song from 20 s in, as a file of its own."""
    out = folder / f"{pathlib.Path(song).stem.replace(' ', '-')}.flac"
    if not out.exists():
        quiet("ffmpeg", "-y", "-nostdin", "-ss", 20, "-i", song, "-t", seconds, "-ac", 2, "-ar", 44100, out)
    return out


def film(song, art, look, out, *more):
    quiet(BINARY, *BASE, "film", song, *art, "-o", out, "--look", look, "--force", *more)


def sync(args, folder):
    names = [("hit_rate_1f", "hits 1f"), ("beat_alignment", "BAS"), ("rhythm_consistency", "rhythm")]
    print(f"{'song':<20}{'look':<9}{'hits':>5}" + "".join(f"{n:>9}{'chance':>8}" for _, n in names))
    ahead = {name: [0, 0] for name, _ in names}
    for song in args.songs:
        short = part(song, args.seconds, folder)
        seed = None
        for look in ["seed"] + args.looks.split(","):
            out = folder / f"{short.stem}-{look}.mp4"
            film(short, args.art, look, out, "--size", args.size)
            run = subprocess.run([BINARY, *BASE, "evaluate", out, "--json"], check=True, capture_output=True)
            found = json.loads(run.stdout)["sync"]
            if not args.keep:
                out.unlink()
            cells = ""
            for name, _ in names:
                figure = found.get(name)
                cells += f"{figure['value']:>9.3f}{figure['chance']:>8.3f}" if figure else f"{'–':>9}{'–':>8}"
                if look == "seed":
                    continue
                ours, theirs = (f.get(name, {}).get("value", 0.0) for f in (found, seed))
                ahead[name][0] += ours > theirs
                ahead[name][1] += 1
            if look == "seed":
                seed = {name: found.get(name) or {} for name, _ in names}
            print(f"{short.stem[:19]:<20}{look:<9}{found['hits']:>5}{cells}", flush=True)
    print("ahead of the seed:", ", ".join(f"{name} {a} of {n}" for name, (a, n) in ahead.items()))


def timed(args, stdin=None):
    before, began = os.times(), time.monotonic()
    quiet(*args)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu


def tapped(folder, raw):
    """A folder with an ffmpeg that keeps the frames it is given as a file: what was painted, not what an encoder left of it."""
    place = folder / "tap"
    place.mkdir(exist_ok=True)
    real, tap = shutil.which("ffmpeg"), place / "ffmpeg"
    tap.write_text(f'#!/bin/sh\ncase "$*" in *rawvideo*"-i pipe:"*) tee "{raw}" | exec "{real}" "$@";; *) exec "{real}" "$@";; esac\n')
    tap.chmod(0o755)
    return place


def speed(args, folder):
    song = part(args.songs[0], args.seconds, folder)
    encoder = [a.format(preset=args.preset, crf=args.crf) for a in ENCODER]
    print(f"{'look':<9}{'wall ratio':>11}{'CPU ratio':>11}{'× real time':>13}   (medians of {args.pairs} pairs; aims: 1.6 and 1)")
    for look in args.looks.split(","):
        out, raw = folder / "film.mp4", folder / "frames.yuv"
        make = [BINARY, *BASE, "film", song, *args.art, "-o", out, "--look", look, "--size", args.size, "--force"]
        # Hearing comes once for all looks: the film is made once for its frames, then again and again to be timed.
        quiet(*make, env={**os.environ, "PATH": f"{tapped(folder, raw)}{os.pathsep}{os.environ['PATH']}"})
        bare = ["ffmpeg", "-y", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", args.size, "-framerate", 30, "-i", raw,
                *encoder, folder / "bare.mp4"]
        pairs = []
        for k in range(args.pairs):
            # Another seed each time: hearing is remembered, painting is not.
            pairs.append((painting([*make, "--seed", k + 1, "--json"]), timed(bare)))
        middle = lambda of: statistics.median(of(a, b) for a, b in pairs)
        print(f"{look:<9}{middle(lambda a, b: a[0] / b[0]):>11.2f}{middle(lambda a, b: a[1] / b[1]):>11.2f}"
              f"{args.seconds / middle(lambda a, b: a[0]):>13.2f}", flush=True)
        raw.unlink()


def painting(make):
    """Wall and CPU of a run less what hearing and judging took of it, by the document's own account."""
    before, began = os.times(), time.monotonic()
    run = subprocess.run([str(a) for a in make], check=True, capture_output=True)
    wall, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    stages = {s["section"]: s["seconds"] for s in json.loads(run.stdout)["provenance"]["stages"]}
    painted = stages["video_reconstruction"]
    return painted, cpu * painted / wall


def peak(args):
    process = subprocess.Popen([str(a) for a in args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most, done = 0, threading.Event()

    def sample():
        nonlocal most
        while not done.wait(0.05):
            ids, total = [process.pid], 0
            for pid in ids:
                try:
                    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                        ids += [int(i) for i in (task / "children").read_text().split()]
                    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                        if line.startswith("Pss:"):
                            total += int(line.split()[1])
                except OSError:
                    pass
            most = max(most, total)

    watcher = threading.Thread(target=sample)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    return most / 1024


def memory(args, folder):
    for minutes in args.minutes:
        song = folder / f"{minutes:g}.flac"
        quiet("ffmpeg", "-y", "-nostdin", "-stream_loop", -1, "-i", args.songs[0], "-t", minutes * 60, "-ar", 44100, song)
        most = peak([BINARY, "--no-cache", "film", song, *args.art, "-o", folder / "m.mp4", "--force", "--size", args.size])
        print(f"{minutes:g} min at {args.size}: {most:.0f} MB at most, all processes together", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sync", "speed", "memory"])
    parser.add_argument("--songs", nargs="+", required=True)
    parser.add_argument("--art", nargs="+", required=True)
    parser.add_argument("--looks", default=",".join(OURS))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--minutes", nargs="+", type=float, default=[0.5, 10])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--crf", default="17")
    parser.add_argument("--size")
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true", help="keep the films")
    args = parser.parse_args()
    args.size = args.size or {"sync": "384x384", "speed": "768x768", "memory": "192x192"}[args.what]
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        {"sync": sync, "speed": speed, "memory": memory}[args.what](args, folder)


if __name__ == "__main__":
    main()
