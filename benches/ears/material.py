"""Clips to score, and real recordings to measure beside what is made for them."""

import math
import os
import pathlib
import random
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "target/ears"
MEDIA = pathlib.Path(os.environ.get("SYNCHRESIS_MEDIA", ROOT / "target/media"))
SONGS = pathlib.Path(os.environ.get("SYNCHRESIS_SONGS", "/usr/share/games/singularity/music"))
LOOPS = pathlib.Path(os.environ.get("SYNCHRESIS_LOOPS", "/usr/share/sonic-pi/samples"))
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/synchresis"


def ffmpeg(*args):
    done = subprocess.run(["ffmpeg", "-y", "-nostdin", "-v", "error", *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"ffmpeg {' '.join(map(str, args))}\n{done.stderr}")


def found(name):
    """A clip by its name anywhere under MEDIA."""
    for path in sorted(MEDIA.rglob(name)):
        return path
    raise SystemExit(f"{name} is not under {MEDIA}: run scripts/media, or set SYNCHRESIS_MEDIA; see docs/performance.md")


def edit(path, seconds, seed):
    """An edit of the real clips: shots of lognormal length (mean 3.5 s) out of all of them, each from a random moment."""
    rng = random.Random(seed)
    sources = [(found("bikes.mp4"), 10.0), (found("bigbuckbunny.mp4"), 5.2), (found("world.mp4"), 30.0)]
    shots, at = [], 0.0
    while at < seconds:
        length = min(max(rng.lognormvariate(math.log(3.5) - 0.18, 0.6), 0.6), 9.0, seconds - at)
        choices = [s for s in sources if s[1] > length + 0.2 and (not shots or shots[-1][0] != s[0])]
        source, whole = rng.choice(choices or sources[2:])
        frames = max(1, round(length * 25))
        shots.append((source, rng.uniform(0, whole - length), frames))
        at += frames / 25
    inputs, graph = [], []
    for i, (source, begin, frames) in enumerate(shots):
        inputs += ["-ss", f"{begin:.3f}", "-i", source]
        graph.append(f"[{i}:v]fps=25,scale=640:360:force_original_aspect_ratio=increase,crop=640:360,setsar=1,"
                     f"trim=end_frame={frames},setpts=PTS-STARTPTS[v{i}]")
    chain = "".join(f"[v{i}]" for i in range(len(shots)))
    ffmpeg(*inputs, "-filter_complex", ";".join(graph) + f";{chain}concat=n={len(shots)}:v=1:a=0[v]", "-map", "[v]",
           "-an", "-c:v", "libx264", "-preset", "fast", "-crf", "20", path)


def clip(name):
    """Path of a clip: bikes (10 s), world (30 s), edit30 or edit60 (edits of real shots)."""
    if name in ("bikes", "world"):
        return found(f"{name}.mp4")
    if not name.startswith("edit"):
        raise SystemExit(f"there is no clip {name!r}")
    path = OUT / "clips" / f"{name}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        edit(path, float(name[4:]), seed=7)
    return path


def real(seconds=60.0):
    """Real recordings: (kind, name, WAV), the songs' second minute and each loop, repeated to at least 20 s."""
    songs = sorted(SONGS.rglob("*.ogg"))
    loops = sorted(LOOPS.glob("loop_*.flac"))
    folder = OUT / "real"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, paths in (("song", songs), ("loop", loops)):
        for path in paths:
            wav = folder / f"{kind}-{path.parent.name}-{path.stem}.wav".replace(" ", "-")
            if not wav.exists():
                begin = ["-ss", "45"] if kind == "song" else ["-stream_loop", "12"]
                ffmpeg(*begin, "-i", path, "-t", seconds if kind == "song" else 20, "-ar", 48000, "-ac", 2, wav)
            if wav.stat().st_size > 48000 * 4 * 15:
                yield kind, path.stem, wav
