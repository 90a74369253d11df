#!/usr/bin/env python3
"""`score` against ffmpeg's bare decode: time, memory, second run, new volume. Pairs in turn, medians.

    cargo build --release -p synchresis-cli && scripts/media && python3 benches/score.py [--pairs 5] [--long]

Makes a 60 s 1080p H.264 clip out of the real clips of scripts/media (and with --long one of 20 min), under target/bench.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEDIA = pathlib.Path(os.environ.get("SYNCHRESIS_MEDIA", ROOT / "target/media"))
OUT = ROOT / "target/bench"
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/synchresis"
# cargo build --release -p synchresis-sound --example perform
PERFORM = BINARY.parent / "examples/perform"


def quiet(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def clip():
    """60 s of 1080p at 8 Mbit/s with sound: both real clips, over and over."""
    path = OUT / "clip60.mp4"
    if path.exists():
        return path
    OUT.mkdir(parents=True, exist_ok=True)
    shape = "scale=1920:1080:force_original_aspect_ratio=increase,crop=1920:1080,setsar=1,fps=25"
    graph = f"[0:v]{shape}[a];[1:v]{shape}[b];[a][b]concat=n=2:v=1:a=0[v]"
    once = OUT / "once.mp4"
    quiet("ffmpeg", "-y", "-nostdin", "-i", MEDIA / "bikes.mp4", "-i", MEDIA / "bigbuckbunny.mp4", "-filter_complex", graph,
          "-map", "[v]", "-c:v", "libx264", "-preset", "fast", "-b:v", "8M", once)
    quiet("ffmpeg", "-y", "-nostdin", "-stream_loop", "-1", "-i", once, "-stream_loop", "-1", "-i", MEDIA / "bigbuckbunny.mp4",
          "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-t", "60", path)
    once.unlink()
    return path


def longer(short, minutes):
    path = OUT / f"clip{minutes}min.mp4"
    if not path.exists():
        quiet("ffmpeg", "-y", "-nostdin", "-stream_loop", minutes - 1, "-i", short, "-c", "copy", path)
    return path


def timed(args, env=None):
    """Wall seconds, CPU seconds of the tree."""
    before, began = os.times(), time.monotonic()
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu


def tree_peak(args, env):
    """Peak of the summed resident memory (Pss) of the whole process tree, MB, sampled every 20 ms."""
    process = subprocess.Popen([str(a) for a in args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    peak, done = 0, threading.Event()

    def sample():
        nonlocal peak
        while not done.wait(0.02):
            ids, total = [process.pid], 0
            for pid in ids:
                try:
                    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                        ids += [int(i) for i in (task / "children").read_text().split()]
                    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                        if line.startswith("Pss:"):
                            total += int(line.split()[1])
                except (OSError, ValueError):
                    pass
            peak = max(peak, total)

    sampler = threading.Thread(target=sample)
    sampler.start()
    code = process.wait()
    done.set()
    sampler.join()
    assert code == 0, args
    return peak / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="20 minutes too")
    options = parser.parse_args()
    if not BINARY.exists() or not shutil.which("ffmpeg"):
        raise SystemExit("build the release binary and install ffmpeg first")
    short = clip()
    work = pathlib.Path(tempfile.mkdtemp(dir=OUT))
    env = dict(os.environ, XDG_CACHE_HOME=str(work / "cache"), SYNCHRESIS_SOUNDBANK="none")
    film = work / "film.mp4"
    score = [BINARY, "--quiet", "score", short, "--force", "-o", film]
    decode = ["ffmpeg", "-v", "error", "-nostdin", "-i", short, "-map", "0:v", "-f", "null", "-"]

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    ratios, ours, theirs = [], [], []
    timed(decode)
    for _ in range(options.pairs):
        shutil.rmtree(work / "cache", ignore_errors=True)
        a, _ = timed(score, env)
        b, _ = timed(decode)
        ours.append(a), theirs.append(b), ratios.append(a / b)
    print(f"score of 60 s 1080p: {statistics.median(ours):.2f} s, bare decode {statistics.median(theirs):.2f} s, "
          f"ratio {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})")

    again = [BINARY, "--quiet", "score", short, "-o", film]
    print(f"second run of the same brief: {statistics.median(timed(again, env)[0] for _ in range(options.pairs)):.3f} s")
    volumes = [timed(score + ["--music-volume", f"0.{i + 1}"], env)[0] for i in range(options.pairs)]
    print(f"a new --music-volume: {statistics.median(volumes):.2f} s")
    # One thread, so that no time goes into waiting for another.
    alone, costs = dict(env, RAYON_NUM_THREADS="1"), {}
    listed = subprocess.run([BINARY, "styles", "--json"], check=True, capture_output=True, text=True).stdout
    for style in [s["name"] for s in json.loads(listed)]:
        out = [BINARY, "--quiet", "render", short, "--style", style, "--seed"]
        costs[style] = statistics.median(timed(out + [str(seed)], alone)[1] for seed in range(1, 4))
    middle, worst = statistics.median(costs.values()), max(costs, key=costs.get)
    print(f"composing and rendering 60 s as a process that keeps 23 MB of sound: {middle:.2f} s of CPU, {60 / middle:.0f} × real "
          f"time a core (median of {len(costs)} styles), {worst} {60 / costs[worst]:.0f} ×")
    if PERFORM.exists():
        composing, documents = [], []
        for style in costs:
            run = [BINARY, "--quiet", "render", short, "--style", style, "--seed", "4", "--json"]
            document = subprocess.run(run, check=True, capture_output=True, env=alone).stdout
            stages = {s["section"]: s["seconds"] for s in json.loads(document)["provenance"]["stages"]}
            composing.append(sum(stages[name] for name in ("spotting", "cue_sheet", "score")))
            documents.append(work / f"{style}.json")
            documents[-1].write_bytes(document)
        print(f"of it composing: {1000 * statistics.median(composing):.0f} ms (median)")
        print("playing and mixing alone:", subprocess.run([PERFORM, *documents], check=True, capture_output=True,
                                                          text=True, env=alone).stdout.splitlines()[-1])

    shutil.rmtree(work / "cache", ignore_errors=True)
    one = tree_peak(score, env)
    print(f"peak memory of the tree, 1 min: {one:.0f} MB")
    if options.long:
        twenty = longer(short, 20)
        shutil.rmtree(work / "cache", ignore_errors=True)
        peak = tree_peak([BINARY, "--quiet", "score", twenty, "--force", "-o", film], env)
        print(f"peak memory of the tree, 20 min: {peak:.0f} MB, ratio {peak / one:.2f}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
