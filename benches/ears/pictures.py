#!/usr/bin/env python3
"""A picture of each style for docs/styles/: piano roll, spectrogram, hits against the onsets that librosa hears.

    target/ears/venv/bin/python benches/ears/pictures.py [--clip edit30] [--seed 1] [STYLE …]
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import matplotlib

matplotlib.use("Agg")
import librosa
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba

import hearing
from ears import STYLES, score
from material import OUT, ROOT, clip

COLOURS = {"pad": "#9db4c0", "bass": "#5c4d7d", "drums": "#bbbbbb", "percussion": "#d0d0d0", "chords": "#4f9d69", "arpeggio": "#d9a441",
           "counter": "#c8553d", "lead": "#b5179e", "accent": "#111111"}
PAGE = """# Styles in pictures

Each picture shows the same 30 s edit of real shots scored in another style with seed 1: the notes by layer (sections above,
chords below them), the spectrogram of the finished film's sound, and the picture's hits (lines, as long as they weigh) against
librosa's onset strength and the onsets that it hears (dots). `benches/ears/pictures.py` makes them.

{parts}"""


def picture(style, seed, name, folder):
    document, film, _ = score(style, seed, clip(name), folder, True)
    end = document["sighting"]["duration_s"]
    figure, (roll, sound, hits) = plt.subplots(3, 1, figsize=(9, 6.2), sharex=True, height_ratios=[3, 2, 1.1], constrained_layout=True)
    for layer in dict.fromkeys(t["layer"] for t in document["score"]["tracks"]):
        lines, colours = [], []
        for track in (t for t in document["score"]["tracks"] if t["layer"] == layer):
            kit = track["voice"].startswith("kit")
            for n in track["notes"]:
                pitch = 20 + (n["pitch"] - 35) / 4 if kit else n["pitch"]
                lines.append([(n["start_s"], pitch), (n["start_s"] + (0.06 if kit else max(n["duration_s"], 0.05)), pitch)])
                colours.append(to_rgba(COLOURS.get(layer, "#888888"), 0.35 + 0.6 * n["velocity"]))
        roll.add_collection(LineCollection(lines, colors=colours, linewidths=2))
        roll.plot([], [], color=COLOURS.get(layer, "#888888"), linewidth=3, label=layer)
    for section in document["cue_sheet"]["form"]:
        roll.axvline(section["start_s"], color="#444444", linewidth=0.5)
        roll.text(section["start_s"] + 0.1, 108, section["role"], fontsize=7, va="bottom")
    for chord in document["cue_sheet"]["chords"]:
        if chord["end_s"] - chord["start_s"] > end / 45:
            roll.text(chord["start_s"] + 0.05, 103, chord["symbol"], fontsize=4.5, rotation=50, va="bottom")
    roll.set_ylim(18, 113)
    roll.set_ylabel("MIDI pitch (kits below)", fontsize=7)
    roll.legend(fontsize=6, ncol=10, loc="upper center", bbox_to_anchor=(0.5, -0.01), frameon=False)
    roll.set_title(f"{style}: {document['cue_sheet']['key']['mode']}, {document['spotting']['bars'][1]['bpm']:.0f} a minute", fontsize=9)
    y = hearing.sample(film, 22050)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22050, n_mels=96, hop_length=512), ref=np.max)
    sound.imshow(mel, origin="lower", aspect="auto", extent=(0, len(y) / 22050, 0, 96), cmap="magma", vmin=-70)
    bands = librosa.mel_frequencies(n_mels=96, fmax=11025)
    marks = [100, 500, 1000, 2000, 5000, 10000]
    sound.set_yticks([int(np.argmin(abs(bands - m))) for m in marks], [f"{m / 1000:g}" for m in marks], fontsize=6)
    sound.set_ylabel("kHz", fontsize=7)
    strength = librosa.onset.onset_strength(y=y, sr=22050, hop_length=256)
    hits.plot(np.arange(len(strength)) * 256 / 22050, strength / strength.max(), color="#7a7a7a", linewidth=0.5)
    events = hearing.onsets(y)
    hits.plot(events, np.full(len(events), -0.06), ".", color="#3a6ea5", markersize=2)
    for hit in document["spotting"]["hits"]:
        if hit["taken"]:
            hits.plot([hit["time_s"]] * 2, [0, hit["weight"]], color="#c1121f", linewidth=1.2)
        elif hit["kind"] not in ("start",):
            hits.plot([hit["time_s"]] * 2, [0, hit["weight"]], color="#c1121f", linewidth=0.6, linestyle=":")
    hits.set_ylim(-0.12, 1.05)
    hits.set_xlim(0, end)
    hits.set_ylabel("hits, onsets", fontsize=7)
    hits.set_xlabel("seconds", fontsize=7)
    for axes in (roll, sound, hits):
        axes.tick_params(labelsize=6)
    out = ROOT / "docs/styles" / f"{style}.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=96)
    plt.close(figure)
    squeeze(out)
    return out


def squeeze(path):
    """A palette is enough for a diagram, and a third of the bytes."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(224, dither=Image.Dither.NONE).save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("styles", nargs="*", default=STYLES)
    parser.add_argument("--clip", default="edit30")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = OUT / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for style in options.styles or STYLES:
        out = picture(style, options.seed, options.clip, folder)
        print(f"{out.relative_to(ROOT)}: {out.stat().st_size // 1024} kB")
    parts = "\n".join(f"## {s}\n\n![{s}: notes, spectrogram, hits and onsets](styles/{s}.png)\n" for s in STYLES if (ROOT / f"docs/styles/{s}.png").exists())
    (ROOT / "docs/styles-in-pictures.md").write_text(PAGE.format(parts=parts))


if __name__ == "__main__":
    main()
