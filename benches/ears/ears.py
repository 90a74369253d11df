#!/usr/bin/env python3
"""Scores real clips in every style and measures the films by outside ears, beside real recordings in the same run.

    cargo build --release -p synchresis-cli && scripts/media
    python3 -m venv target/ears/venv && target/ears/venv/bin/pip install -r benches/ears/requirements.txt
    target/ears/venv/bin/python benches/ears/ears.py --run full                     18 styles × 5 seeds × 3 clips
    … ears.py --run thin --clips edit30 --seeds 1                                    the quick look
    … ears.py --run full --table                                                     the tables of what is there, no work

Results grow in target/ears/RUN/results.csv; a run that was stopped goes on where it was. world.mp4 comes from PyPI
gradio 6.31.0; put it beside the clips of scripts/media or point SYNCHRESIS_MEDIA at a folder that has all three.
"""
import argparse
import csv
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import numpy as np

import hearing
import reading
from material import BINARY, OUT, clip, real

STYLES = ("ambient cinematic-strings trailer piano-solo minimalist lo-fi electronic-house synthwave drum-and-bass acoustic-folk rock "
          "jazz-trio bossa funk chiptune tension comedy-pizzicato orchestral-march").split()
# No groove is promised here: a beat that is not to be counted, or one that comes and goes with the picture.
FREE = {"ambient", "cinematic-strings", "piano-solo", "tension", "trailer"}
# Judged apart for key: they blur or deny it on purpose.
KEYLESS = {"ambient", "tension"}


def score(style, seed, source, folder, keep, files=None):
    """Renders one film; returns its document and its path."""
    stem = folder / f"{style}-{seed}"
    film, document, midi = stem.with_suffix(".mp4"), stem.with_suffix(".json"), stem.with_suffix(".mid")
    if not (keep and film.exists() and document.exists()):
        env = dict(os.environ, SYNCHRESIS_SOUNDBANK="none")
        done = subprocess.run([BINARY, "--quiet", "--cache-dir", OUT / "cache", "score", source, "--style", files / f"{style}.toml" if files else style, "--seed", str(seed),
                               "--original", "drop", "-o", film, "--document", document, "--midi", midi, "--force"],
                              capture_output=True, text=True, env=env)
        if done.returncode:
            raise SystemExit(f"{style} seed {seed}: {done.stderr}")
    return json.loads(document.read_text()), film, midi


def tempo_of(document):
    """Median tempo of the bars that have a pulse, by time."""
    bars = [(b["bpm"], b["meter"]["beats"] * 4 / b["meter"]["unit"]) for b in document["spotting"]["bars"] if not b["free"]]
    spread = [bpm for bpm, quarters in bars for _ in range(max(1, round(quarters * 2)))]
    return statistics.median(spread) if spread else float("nan")


def agreement(ticks, document):
    """How the beats that were heard walk against the tempo map: the median of (their tempo / the map's at that time), and what
    it is: `same` within 4 %, `octave` for half, double, a third and so on, `dotted` for 2:3 and 3:4, else `other`."""
    bars = document["spotting"]["bars"]
    ratios = []
    for a, b in zip(ticks, ticks[1:]):
        here = [x for x in bars if x["start_s"] <= (a + b) / 2]
        if here and not here[-1]["free"] and b > a:
            ratios.append(60 / (b - a) / here[-1]["bpm"])
    if len(ratios) < 4:
        return float("nan"), "other"
    ratio = statistics.median(ratios)
    near = lambda *wished: any(abs(ratio / r - 1) <= 0.04 for r in wished)
    kind = "same" if near(1) else "octave" if near(2, 0.5, 3, 1 / 3, 4, 0.25) else "dotted" if near(1.5, 2 / 3, 4 / 3, 0.75) else "other"
    return ratio, kind


def measure(style, seed, name, folder, keep, files=None):
    source = clip(name)
    document, film, midi = score(style, seed, source, folder, keep, files)
    wide = hearing.sample(film, 44100)
    tonic, scale, strength = hearing.key(wide)
    bpm, ticks, confidence = hearing.beats(wide)
    ratio, agrees = agreement(ticks, document)
    lufs, peak = hearing.loudness(film)
    hits = [h["time_s"] for h in document["spotting"]["hits"] if h["taken"]]
    frame = 1 / document["sighting"]["frame_rate"]
    whole = document["sighting"]["duration_s"]
    narrow = hearing.sample(film, 22050)
    rate, chance, missed = hearing.hit_rate(hits, hearing.onsets(narrow), frame, whole)
    coarse, _, _ = hearing.hit_rate(hits, hearing.onsets(narrow, 512), frame, whole, shifts=1)
    read = reading.midi(midi)
    row = {
        "clip": name, "style": style, "seed": seed, "key": document["cue_sheet"]["key"]["tonic"],
        "key_heard": f"{tonic} {scale}", "key_strength": round(float(strength), 4), "beat_confidence": round(confidence, 3),
        "quarters": round(sum(b["meter"]["beats"] * 4 / b["meter"]["unit"] for b in document["spotting"]["bars"]), 1),
        "tempo": round(tempo_of(document), 2), "tempo_heard": round(bpm, 2), "tempo_ratio": round(ratio, 4), "tempo_agrees": agrees,
        "lufs": lufs, "true_peak": peak, "hits": len(hits), "hit_rate": round(rate, 4), "hit_chance": round(chance, 4), "hit_rate_hop512": round(coarse, 4),
        "missed": " ".join(f"{t:.2f}" for t in missed),
        "weighed": sum(1 for h in document["spotting"]["hits"] if h["kind"] not in ("start", "end")), **{k: round(v, 4) for k, v in read.items()},
        "own_rate": document["sync"]["hit_rate_1f"]["value"],
    }
    vector = hearing.features(narrow)
    if not keep:
        film.unlink()
    return row, vector, reading.tune(document)


def measured(job):
    return measure(*job)


def append(path, row):
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def rows_of(path):
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file))


def recordings():
    """Key strength and beat confidence of the real recordings, measured once."""
    path = OUT / "real.csv"
    done = {r["name"] for r in rows_of(path)}
    for kind, name, wav in real():
        if name in done:
            continue
        y = hearing.sample(wav, 44100)
        _, _, strength = hearing.key(y)
        bpm, _, confidence = hearing.beats(y)
        append(path, {"kind": kind, "name": name, "key_strength": round(float(strength), 4), "beat_confidence": round(confidence, 3),
                      "tempo_heard": round(bpm, 1)})
    return rows_of(path)


def classify(rows, vectors):
    """Share of films whose style a random forest names: left-out seeds and left-out clips, and which pairs it mixes up."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    x = np.array([vectors[(r["clip"], r["style"], r["seed"])] for r in rows])
    y = np.array([r["style"] for r in rows])
    result = {}
    for by in ("seed", "clip"):
        groups = np.array([r[by] for r in rows])
        if len(set(groups)) < 2:
            continue
        forest = RandomForestClassifier(400, max_features="sqrt", random_state=0)
        said = cross_val_predict(forest, x, y, groups=groups, cv=LeaveOneGroupOut())
        mixed = {}
        for truth, other in zip(y, said):
            if truth != other:
                mixed[(truth, other)] = mixed.get((truth, other), 0) + 1
        result[by] = (float(np.mean(said == y)), sorted(mixed.items(), key=lambda m: -m[1])[:8], {s: float(np.mean(said[y == s] == s)) for s in set(y)})
    return result


def table(run, quick=False):
    folder = OUT / run
    rows = rows_of(folder / "results.csv")
    if not rows:
        raise SystemExit(f"nothing in {folder}")
    median = lambda values: statistics.median(values) if values else float("nan")
    col = lambda part, name: [float(r[name]) for r in part if r[name] not in ("", "nan")]
    bands = {}
    band_names = ("pitch_class_entropy", "groove_consistency", "scale_consistency")
    try:
        scores = [] if quick else reading.corpus()
        bands = {n: {w: reading.middle(scores, n, w) for w in (0, *reading.LENGTHS)} for n in band_names if scores}
    except ImportError as error:
        print(f"no corpus: {error}")
    vectors = {}
    if (folder / "features.jsonl").exists():
        for line in (folder / "features.jsonl").read_text().splitlines():
            entry = json.loads(line)
            vectors[tuple(entry["id"])] = entry["vector"], [tuple(n) for n in entry["tune"]]
    told = classify(rows, {k: v[0] for k, v in vectors.items()}) if len({r["seed"] for r in rows}) > 1 or len({r["clip"] for r in rows}) > 1 else {}
    by_seed = told.get("seed", (float("nan"), [], {}))[2]

    def within(part, n):
        """Share of films whose figure lies in the middle of what the corpus has at that length; and of whole pieces."""
        shares = []
        for whole in (False, True):
            spans = [(reading.middle(scores, n, 0 if whole else float(r["quarters"])), float(r[n])) for r in part if r[n] not in ("", "nan")]
            shares.append(100 * np.mean([low <= v <= high for (low, high), v in spans]))
        return shares

    def line(name, part):
        tempo = [r["tempo_agrees"] for r in part]
        same, octave = tempo.count("same") / len(part), tempo.count("octave") / len(part)
        hits = sum(int(r["hits"]) for r in part)
        struck = sum(int(r["hits"]) * float(r["hit_rate"]) for r in part if int(r["hits"])) / max(hits, 1)
        chance = sum(int(r["hits"]) * float(r["hit_chance"]) for r in part if int(r["hits"])) / max(hits, 1)
        level = col(part, "lufs")
        off = sum(abs(v + 14) > 0.3 for v in level)
        inside = [within(part, n)[0] for n in bands]
        print(f"| {name} | {len(part)} | {median(col(part, 'key_strength')):.2f} | {median(col(part, 'beat_confidence')):.2f} | "
              f"{100 * same:.0f} + {100 * octave:.0f} | {min(level):.1f} to {max(level):.1f}{f' ({off} off)' if off else ''} | {max(col(part, 'true_peak')):.1f} | "
              f"{struck:.3f} ({chance:.2f}) | {' / '.join(f'{v:.0f}' for v in inside)} | {100 * by_seed.get(name, float('nan')):.0f} |")

    print("| style | films | key strength | beat confidence | tempo: same + octave, % | LUFS | highest dBTP | hits struck (chance) | "
          "entropy / groove / scale within the corpus, % | told apart, % |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for style in STYLES:
        part = [r for r in rows if r["style"] == style]
        if part:
            line(style, part)
    line("**all**", rows)
    keyed = [r for r in rows if r["style"] not in KEYLESS]
    grooved = [r for r in rows if r["style"] not in FREE]
    print(f"\nkey strength without {', '.join(sorted(KEYLESS))}: median {median(col(keyed, 'key_strength')):.3f}; "
          f"the two: {median(col([r for r in rows if r['style'] in KEYLESS], 'key_strength')):.3f}")
    if grooved:
        for name in sorted({r["clip"] for r in rows}):
            part = [r for r in grooved if r["clip"] == name]
            agree = [r["tempo_agrees"] for r in part]
            print(f"styles with a groove, {name}: beat confidence {median(col(part, 'beat_confidence')):.2f}, tempo same "
                  f"{100 * agree.count('same') / len(part):.0f} %, octave {100 * agree.count('octave') / len(part):.0f} %, "
                  f"dotted {100 * agree.count('dotted') / len(part):.0f} %")
        agree = [r["tempo_agrees"] for r in grooved]
        print(f"styles with a groove, all: beat confidence median {median(col(grooved, 'beat_confidence')):.2f}, tempo same "
              f"{100 * agree.count('same') / len(grooved):.1f} %, octave {100 * agree.count('octave') / len(grooved):.1f} %")
    for n, spans in bands.items():
        for name in sorted({r["clip"] for r in rows}):
            part = [r for r in rows if r["clip"] == name]
            low, high = reading.middle(scores, n, median(col(part, "quarters")))
            print(f"{n}, {name}: corpus excerpts of that length {low:.3f} to {high:.3f}; ours median {median(col(part, n)):.3f}, "
                  f"inside {within(part, n)[0]:.0f} %")
        low, high = spans[0]
        here, whole = within(rows, n)
        print(f"{n}: inside {here:.0f} % of the time; against whole pieces ({low:.3f} to {high:.3f}) {whole:.0f} %, median {median(col(rows, n)):.3f}")
    for by, (share, mixed, _) in told.items():
        print(f"styles told apart, {by} left out: {100 * share:.1f} %; mixed up: " + ", ".join(f"{a} as {b} ({n})" for (a, b), n in mixed))
    pairs, same, most = 0, [], (0.0, "")
    keys = sorted(vectors)
    for i, a in enumerate(keys):
        for b in keys[:i]:
            if a[:2] == b[:2]:
                pairs += 1
                alike = reading.likeness(vectors[a][1], vectors[b][1])
                most = max(most, (alike, f"{a[1]} on {a[0]}, seeds {b[2]} and {a[2]}"))
                if alike > 0.8:
                    same.append((a, b))
    if pairs:
        print(f"pairs of seeds with the same tune: {len(same)} of {pairs}; the most alike {most[0]:.2f} ({most[1]})")
    kinds = rows_of(OUT / "real.csv")
    for kind in sorted({r["kind"] for r in kinds}):
        part = [r for r in kinds if r["kind"] == kind]
        keyed, beat = col(part, "key_strength"), col(part, "beat_confidence")
        print(f"real {kind}s ({len(part)}): key strength {min(keyed):.2f} to {max(keyed):.2f}, median {median(keyed):.2f}; "
              f"beat confidence {min(beat):.2f} to {max(beat):.2f}, median {median(beat):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="full", help="a name: results go to target/ears/NAME")
    parser.add_argument("--styles", nargs="+", default=list(STYLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--clips", nargs="+", default=["bikes", "world", "edit60"])
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("--style-files", type=pathlib.Path, help="a folder with NAME.toml for each style, instead of the built-in ones")
    parser.add_argument("--workers", type=int, default=2, help="films at a time")
    parser.add_argument("--quick", action="store_true", help="neither corpus nor real recordings")
    parser.add_argument("--keep", action="store_true", help="keep the films, and measure those that are there without rendering")
    options = parser.parse_args()
    folder = OUT / options.run
    folder.mkdir(parents=True, exist_ok=True)
    if not options.table:
        done = {(r["clip"], r["style"], int(r["seed"])) for r in rows_of(folder / "results.csv")}
        for name in options.clips:
            clip(name)
            (folder / name).mkdir(exist_ok=True)
        # Seed by seed, so that what is there after any time is whole.
        left = [(style, seed, name, folder / name, options.keep, options.style_files)
                for seed in options.seeds for name in options.clips for style in options.styles if (name, style, seed) not in done]
        # Workers import the ears once and hear many films; rows are written here, in order.
        with multiprocessing.get_context("fork").Pool(options.workers) as pool:
            for row, vector, tune in pool.imap(measured, left):
                with (folder / "features.jsonl").open("a") as file:
                    file.write(json.dumps({"id": [row["clip"], row["style"], str(row["seed"])], "vector": [round(v, 5) for v in vector], "tune": tune}) + "\n")
                append(folder / "results.csv", row)
                print(f"{row['clip']} {row['style']} {row['seed']}: key {row['key_strength']:.2f}, beat {row['beat_confidence']:.2f}, tempo {row['tempo']:.0f} heard "
                      f"{row['tempo_heard']:.0f} ({row['tempo_ratio']:.2f} {row['tempo_agrees']}), {row['lufs']} LUFS, {row['true_peak']} dBTP, hits {row['hit_rate']} of "
                      f"{row['hits']} missed {row['missed']}", file=sys.stderr)
        if not options.quick:
            recordings()
    table(options.run, options.quick)


if __name__ == "__main__":
    main()
