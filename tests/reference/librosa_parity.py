"""Compares the ears of crates/sound with librosa.

    pip install -r tests/reference/requirements.txt
    python tests/reference/librosa_parity.py                     # writes crates/sound/tests/data/librosa.json
    cargo build --release -p synchresis-sound --example hear
    python tests/reference/librosa_parity.py --hear target/release/examples/hear SONG…    # prints a table

The fixture's signals are generated here and, by the same formulas, in crates/sound/tests/librosa.rs. For songs the
samples that librosa loaded are handed over ("same samples"), and the song itself is decoded and resampled on our side
("whole way").
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import librosa
import numpy as np

RATE = 22050


def noise(n):
    """A linear congruential generator, top 24 bits, −1 to 1."""
    out = np.empty(n)
    state = 12345
    for i in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (state >> 8) / 2**23 - 1.0
    return out


def tune(rate, seconds):
    """Strokes every half second, over notes and a soft fifth."""
    n = int(seconds * rate)
    hiss = noise(n)
    out = np.zeros(n)
    notes = [220.0, 261.63, 329.63, 293.66]
    for i in range(n):
        t = i / rate
        beat = int(t / 0.5)
        since = t - beat * 0.5
        pitch = notes[beat % 4]
        loud = 0.8 if beat % 4 == 0 else 0.4
        out[i] = (
            loud * np.exp(-since / 0.02) * hiss[i] * 0.5
            + 0.3 * np.exp(-since / 0.25) * np.sin(2 * np.pi * pitch * since)
            + 0.05 * np.sin(2 * np.pi * 110.0 * t)
            + 0.03 * np.sin(2 * np.pi * 165.0 * t)
        )
    return out.astype(np.float32)


def pace(y, fps):
    """The loudest of 512 mel bands of both parts, min-max normalised."""
    curves = []
    for part in librosa.effects.hpss(y, margin=(5.0, 5.0)):
        top = librosa.feature.melspectrogram(y=part, sr=RATE, n_mels=512, hop_length=int(RATE / fps)).max(axis=0)
        curves.append((top - top.min()) / np.ptp(top))
    return curves


def masks(y):
    magnitude = np.abs(librosa.stft(y))
    harmonic, percussive = librosa.decompose.hpss(magnitude)
    return np.sqrt((harmonic**2).sum(axis=0)), np.sqrt((percussive**2).sum(axis=0))


def fixture():
    y = tune(RATE, 8.0)
    mel = librosa.feature.melspectrogram(y=y, sr=RATE)
    onset = librosa.onset.onset_strength(y=y, sr=RATE)
    tempo, beats = librosa.beat.beat_track(y=y, sr=RATE)
    harmonic, percussive = pace(y, 30)
    power = np.abs(librosa.stft(y)) ** 2
    high = tune(44100, 0.5)
    numbers = lambda a, digits=7: [float(f"{v:.{digits}g}") for v in np.asarray(a).ravel()]
    out = {
        "mel_every_40th_frame": numbers(mel.T[::40]),
        "onset_strength": numbers(onset),
        "onset_strength_median": numbers(librosa.onset.onset_strength(y=y, sr=RATE, aggregate=np.median)),
        "onset_detect": [int(v) for v in librosa.onset.onset_detect(y=y, sr=RATE)],
        "onset_backtrack": [int(v) for v in librosa.onset.onset_detect(y=y, sr=RATE, backtrack=True)],
        "tempo": float(np.atleast_1d(tempo)[0]),
        "beats": [int(v) for v in beats],
        "rms": numbers(librosa.feature.rms(y=y)),
        "centroid": numbers(librosa.feature.spectral_centroid(y=y, sr=RATE)),
        "tuning": float(librosa.estimate_tuning(S=power, sr=RATE)),
        "chroma_every_20th_frame": numbers(librosa.feature.chroma_stft(y=y, sr=RATE).T[::20]),
        "pace_harmonic": numbers(harmonic),
        "pace_percussive": numbers(percussive),
        "resampled_44100_every_5th": numbers(librosa.resample(high, orig_sr=44100, target_sr=RATE)[::5]),
    }
    path = Path(__file__).parents[2] / "crates/sound/tests/data/librosa.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes")


def relative(ours, theirs):
    """The greatest difference, as a share of the greatest value."""
    n = min(len(ours), len(theirs))
    return float(np.max(np.abs(ours[:n] - theirs[:n])) / np.max(np.abs(theirs)))


def per_value(ours, theirs):
    """The greatest relative difference of values within 80 dB of the greatest."""
    n = min(len(ours), len(theirs))
    a, b = ours[:n].astype(float), theirs[:n].astype(float)
    seen = b > b.max() * 1e-8
    return float(np.max(np.abs(a[seen] - b[seen]) / b[seen]))


def beats_off(ours, theirs):
    """Hops from each of librosa's beats to the nearest of ours, the greatest, and how many are ours alone."""
    if not len(ours) or not len(theirs):
        return (0 if len(ours) == len(theirs) else -1), len(ours)
    gap = lambda a, b: np.abs(a[:, None] - b[None, :]).min(axis=1)
    return int(gap(theirs, ours).max()), int((gap(ours, theirs) > 1).sum())


def songs(hear, paths):
    print("max relative error; 'value': of each value within 80 dB of the top, else of the feature's greatest value")
    for path in paths:
        y, _ = librosa.load(path)
        with tempfile.TemporaryDirectory() as folder:
            samples = Path(folder) / "samples.f32"
            y.astype("<f4").tofile(samples)
            read = lambda name: np.fromfile(Path(folder) / f"{name}.f32", "<f4")
            same = json.loads(subprocess.run([hear, samples, folder], check=True, capture_output=True).stdout)
            mel = librosa.feature.melspectrogram(y=y)
            onset = librosa.onset.onset_strength(y=y)
            median = librosa.onset.onset_strength(y=y, aggregate=np.median)
            tempo, beats = librosa.beat.beat_track(y=y)
            tempo = float(np.atleast_1d(tempo)[0])
            row = {
                "song": Path(path).stem,
                "mel value": per_value(read("mel"), mel.T.ravel()),
                "onset": relative(read("onset"), onset),
                "median": relative(read("onset_median"), median),
                "rms": relative(read("rms"), librosa.feature.rms(y=y)[0]),
                "centroid": relative(read("centroid"), librosa.feature.spectral_centroid(y=y)[0]),
                "chroma": relative(read("chroma"), librosa.feature.chroma_stft(y=y).T.ravel()),
                "tempo": (round(same["hearing"]["tempo"], 2), round(tempo, 2)),
                "beats": (len(read("beats")), len(beats)),
                "beat hops off, alone": beats_off(read("beats"), beats),
                "onsets": (len(read("onsets")), len(librosa.onset.onset_detect(y=y))),
            }
            whole = json.loads(subprocess.run([hear, path, folder], check=True, capture_output=True).stdout)
            row["whole way: onset"] = relative(read("onset"), onset)
            row["whole way: beat hops off, alone"] = beats_off(read("beats"), beats)
            row["whole way: tempo"] = round(whole["hearing"]["tempo"], 2)
            row["words"] = whole["hearing"]["words"]
        print(json.dumps({k: float(f"{v:.2g}") if isinstance(v, float) and "tempo" not in k else v for k, v in row.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hear", help="the example `hear` of crates/sound")
    parser.add_argument("songs", nargs="*")
    arguments = parser.parse_args()
    if arguments.songs:
        songs(arguments.hear, arguments.songs)
    else:
        fixture()
