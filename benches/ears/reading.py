"""What muspy reads in notes: pitch-class entropy, groove consistency, scale consistency; and in a real corpus."""

import csv
import random
import warnings

import muspy
import numpy as np

from material import OUT

warnings.filterwarnings("ignore")
GRID = 4  # sixteenths
# Quarters of the excerpts that pieces of 10, 30 and 60 s are compared with: the figures grow with a piece's length, and a
# whole movement of ten minutes says nothing about ten seconds.
LENGTHS = (20, 60, 120)


def figures(music, bar):
    """The three figures of a muspy piece whose bar has `bar` quarters."""
    music.adjust_resolution(GRID)
    music.tracks = [t for t in music.tracks if t.notes]
    return {
        "pitch_class_entropy": float(muspy.pitch_class_entropy(music)),
        "groove_consistency": float(muspy.groove_consistency(music, measure_resolution=max(1, round(bar * GRID)))),
        "scale_consistency": float(muspy.scale_consistency(music)),
    }


def midi(path):
    music = muspy.read_midi(str(path))
    first = music.time_signatures[0] if music.time_signatures else None
    return figures(music, first.numerator * 4 / first.denominator if first else 4)


def tune(document):
    """The lead as (interval, sixteenths between onsets), out of a document."""
    tracks = [t for t in document["score"]["tracks"] if t["layer"] == "lead"]
    notes = tracks[0]["notes"] if tracks else []
    bpm = document["spotting"]["bars"][0]["bpm"]
    return [(b["pitch"] - a["pitch"], round((b["start_s"] - a["start_s"]) * bpm / 15)) for a, b in zip(notes, notes[1:])]


def likeness(a, b, reach=48):
    """1 − edit distance over the longer length of the first `reach` notes of two tunes."""
    a, b = a[:reach], b[:reach]
    if not a or not b:
        return 0.0
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return 1 - row[-1] / max(len(a), len(b))


def corpus(count=120):
    """The same figures for pieces out of music21's corpus (several composers and folk collections), read once: for the whole
    piece (`quarters` 0) and for an excerpt of each of LENGTHS that it is long enough for, from a bar drawn by lot."""
    path = OUT / "corpus.csv"
    if not path.exists():
        from music21 import converter, corpus as library

        rng = random.Random(1)
        paths = sorted(p for p in library.getPaths() if p.suffix in (".mxl", ".xml", ".musicxml", ".krn") and p.stat().st_size < 60_000)
        groups = {}
        for p in paths:
            groups.setdefault(p.parent.name, []).append(p)
        order = sorted(groups)
        for name in order:
            rng.shuffle(groups[name])
        rows, turn, pieces = [], 0, 0
        while pieces < count and any(groups.values()):
            name = order[turn % len(order)]
            turn += 1
            if not groups[name]:
                continue
            piece = groups[name].pop()
            try:
                music, bar = convert(converter.parse(piece))
            except Exception as error:  # a file that music21 itself cannot read
                print(f"  {piece.name}: {error}")
                continue
            pieces += 1
            end = max(n.end for t in music.tracks for n in t.notes) / 24
            for quarters in (0, *LENGTHS):
                if quarters and end < quarters:
                    continue
                begin = bar * rng.randint(0, int((end - quarters) // bar)) if quarters else 0
                part = excerpt(music, begin, quarters or end)
                if sum(len(t.notes) for t in part.tracks) >= 12:
                    rows.append({"piece": f"{name}/{piece.name}", "quarters": quarters, **figures(part, bar)})
        OUT.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    with path.open() as file:
        return [{k: v if k == "piece" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def excerpt(music, begin, quarters):
    """The notes that begin within `quarters` from `begin` on, counted from there."""
    low, high = begin * 24, (begin + quarters) * 24
    part = muspy.Music(resolution=24)
    for track in music.tracks:
        inside = [n for n in track.notes if low <= n.time < high]
        part.tracks.append(muspy.Track(notes=[muspy.Note(round(n.time - low), n.pitch, n.duration) for n in inside]))
    return part


def convert(score):
    """A muspy piece and its bar's length in quarters, from music21."""
    music = muspy.Music(resolution=24)
    for part in getattr(score, "parts", None) or [score]:
        notes = []
        for n in part.flatten().notes:
            for pitch in n.pitches:
                notes.append(muspy.Note(round(float(n.offset) * 24), pitch.midi, max(1, round(float(n.quarterLength) * 24))))
        music.tracks.append(muspy.Track(notes=notes))
    if sum(len(t.notes) for t in music.tracks) < 40:
        raise ValueError("fewer than 40 notes")
    signature = score.recurse().getElementsByClass("TimeSignature").first()
    return music, float(signature.barDuration.quarterLength) if signature else 4.0


def middle(rows, name, quarters=0, share=0.8):
    """The span that holds the middle `share` of a figure: over whole pieces, or over the excerpts that are nearest to `quarters`."""
    wanted = min(LENGTHS, key=lambda length: abs(np.log(length / quarters))) if quarters else 0
    values = [r[name] for r in rows if r["quarters"] == wanted and np.isfinite(r[name])]
    edge = 50 * (1 - share)
    return float(np.percentile(values, edge)), float(np.percentile(values, 100 - edge))
