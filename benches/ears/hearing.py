"""What outside ears hear in a WAV: Essentia, librosa, ffmpeg's EBU R 128 meter. None of them knows anything of us."""

import re
import subprocess

import essentia
import essentia.standard as es
import librosa
import numpy as np

essentia.log.infoActive = False
essentia.log.warningActive = False


def loudness(path):
    """Integrated loudness in LUFS and true peak in dBTP, by ffmpeg's ebur128."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "info", "-nostats", "-i", str(path), "-map", "0:a", "-af",
                           "ebur128=peak=true:framelog=verbose", "-f", "null", "-"], capture_output=True, text=True, check=True).stderr
    summary = done[done.rfind("Summary:"):]
    level = re.search(r"I:\s*(-?[\d.]+|-inf) LUFS", summary)
    peak = re.search(r"Peak:\s*(-?[\d.]+|-inf) dBFS", summary)
    return float(level.group(1)), float(peak.group(1))


def sample(path, rate, seconds=None):
    """Mono samples of a film's or file's sound."""
    cut = ["-t", str(seconds)] if seconds else []
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:a", *cut, "-ac", "1", "-ar", str(rate),
                          "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32).copy()


def key(y):
    """Essentia's key, scale and strength (0 to 1), its defaults, at 44.1 kHz."""
    return es.KeyExtractor()(y)


def beats(y):
    """Essentia's tempo, beats (seconds) and confidence (0 to 5.32; its manual: 1.5 low, 3.5 excellent), at 44.1 kHz."""
    bpm, ticks, confidence, _, _ = es.RhythmExtractor2013(method="multifeature")(y)
    return float(bpm), np.asarray(ticks), float(confidence)


def onsets(y, hop=256):
    """librosa's onsets at 22.05 kHz, seconds. Its default hop of 512 is 23 ms: it says 20 ms late on average and up to 45, on
    clicks too, so that a frame of 33 or 40 ms cannot be judged by it; with 256 it says 9 ms late, 14 at most on clicks."""
    return librosa.onset.onset_detect(y=y, sr=22050, hop_length=hop, units="time")


def hit_rate(hits, events, frame_s, duration, shifts=1000, seed=0):
    """Share of hits with an event within one frame, and the mean of the same over circular shifts of the hits."""
    hits, events = np.asarray(hits), np.sort(np.asarray(events))
    if not len(hits):
        return float("nan"), float("nan"), []

    def share(times):
        if not len(events):
            return 0.0
        at = np.clip(np.searchsorted(events, times), 1, len(events) - 1) if len(events) > 1 else np.zeros(len(times), int)
        near = np.minimum(np.abs(events[at] - times), np.abs(events[at - 1] - times)) if len(events) > 1 else np.abs(events[0] - times)
        return near

    rng = np.random.default_rng(seed)
    near = share(hits)
    chance = np.mean([np.mean(share(np.sort((hits + rng.uniform(0, duration)) % duration)) <= frame_s) for _ in range(shifts)])
    missed = [float(h) for h, n in zip(hits, near) if n > frame_s]
    return float(np.mean(near <= frame_s)), float(chance), missed


def features(y, rate=22050):
    """A vector that says how a sound is made and moves: timbre, bands, dynamics, rhythm. Nothing of key or pitch."""
    magnitude = np.abs(librosa.stft(y, n_fft=2048, hop_length=512))
    power = magnitude**2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=rate, n_mels=64))
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=20)
    contrast = librosa.feature.spectral_contrast(S=magnitude, sr=rate)
    shape = np.vstack([librosa.feature.spectral_centroid(S=magnitude, sr=rate), librosa.feature.spectral_bandwidth(S=magnitude, sr=rate),
                       librosa.feature.spectral_rolloff(S=magnitude, sr=rate), 1e3 * librosa.feature.spectral_flatness(S=magnitude),
                       librosa.feature.rms(S=magnitude)])
    strength = librosa.onset.onset_strength(S=mel, sr=rate)
    found = librosa.onset.onset_detect(onset_envelope=strength, sr=rate)
    tempogram = librosa.feature.tempogram(onset_envelope=strength, sr=rate).mean(axis=1)[8:200:8]
    harmonic, percussive = librosa.decompose.hpss(magnitude[:, ::4])
    rhythm = [len(found) * rate / max(len(y), 1), strength.std() / (strength.mean() + 1e-9), np.percentile(strength, 95),
              np.log((percussive**2).sum() / ((harmonic**2).sum() + 1e-9) + 1e-9)]
    parts = []
    for block in (mfcc, np.diff(mfcc, axis=1), contrast, shape):
        parts += [block.mean(axis=1), block.std(axis=1)]
    return np.concatenate([*parts, tempogram, rhythm]).astype(float)
