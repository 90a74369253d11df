#!/usr/bin/env python3
"""What LP-MusicCaps computes, for the model room's tests: small outputs, under crates/models/tests/fixtures.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 torchaudio transformers==5.23 numpy safetensors pillow
    git clone https://github.com/seungheondoh/lp-music-caps      (MIT; run beside the project, nothing of it is kept)
    venv/bin/python tests/reference/captions.py --lpmc lp-music-caps --out crates/models/tests/fixtures

The original builds facebook/bart-base's configuration; here it is handed a small one with the same settings for generating.
Weights are not stored: they are numbers drawn from each tensor's name, here and in the tests (crates/models/src/captions/parity.rs).
With --checkpoint DIR the same small model is also saved as the original saves it (transfer.pth, with its optimizer) beside a
tokenizer, so that the command itself can be tried; the captions that the original then gives are printed.
"""
import argparse
import copy
import json
import math
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from eyes import sample, tensor

# torchaudio's wheel may be built for another CUDA than torch's; neither is used here.
torch.version.cuda = None
import torchaudio  # noqa: E402
import transformers  # noqa: E402

EMBEDDINGS = ("bart.model.shared.weight", "embed_tokens.weight", "lm_head.weight")
SMALL = dict(
    vocab_size=97, d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=128, decoder_ffn_dim=96, max_position_embeddings=160, scale_embedding=False,
    bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0, forced_eos_token_id=2,
)
# What facebook/bart-base's config.json says about generating.
GENERATING = dict(
    bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0, forced_eos_token_id=2,
    no_repeat_ngram_size=3, early_stopping=True, num_beams=4,
)


def limits(name, shape):
    if name.endswith(EMBEDDINGS):
        reach = math.sqrt(30.0 / shape[1])
        return -reach, reach
    if name.endswith("final_logits_bias"):
        return -2.0, 2.0
    return None


class Words:
    """In the tokenizer's place: pieces of words, so that a caption can be read."""
    pad_token_id = 1

    def __init__(self):
        letters = "abcdefghijklmnopqrstuvwxyz"
        pieces = ["<s>", "<pad>", "</s>", "<unk>"] + [("\u0120" if i % 3 else "") + letters[i % 26] + letters[i * 7 % 26] for i in range(92)]
        self.vocab = {}
        for piece in pieces:
            while piece in self.vocab:
                piece += "o"
            self.vocab[piece] = len(self.vocab)
        self.vocab["<mask>"] = len(self.vocab)
        self.kept = []

    def batch_decode(self, outputs, skip_special_tokens):
        self.kept = outputs
        names = {i: piece for piece, i in self.vocab.items()}
        special = {0, 1, 2, 3, len(self.vocab) - 1}
        return ["".join(names[int(i)] for i in row if int(i) not in special).replace("\u0120", " ") for row in outputs]


def original(folder):
    sys.path.insert(0, str(folder))
    words = Words()
    transformers.BartConfig.from_pretrained = classmethod(lambda cls, name: transformers.BartConfig(**SMALL))
    transformers.BartTokenizer.from_pretrained = classmethod(lambda cls, name: words)
    from lpmc.music_captioning.model.bart import BartCaptionModel
    model = BartCaptionModel(max_length=128, audio_dim=SMALL["d_model"])
    model.bart.generation_config = transformers.GenerationConfig(**GENERATING)
    # What the original leaves at None was the default in its day; today's library would take None at its word.
    generate = model.bart.generate
    model.bart.generate = lambda **said: generate(**{name: value for name, value in said.items() if value is not None})
    state = model.state_dict()
    for name, old in state.items():
        if "mel_encoder" in name or "positional_embedding" in name:
            continue
        key = "bart.model.shared.weight" if name.endswith(EMBEDDINGS) else name
        state[name] = torch.from_numpy(tensor(key, tuple(old.shape), limits(key, old.shape), gain=3.0))
    model.load_state_dict(state)
    return model.eval(), words


def music():
    """Two windows of 10 s at 16 kHz: a rising tone with a pulse, and noise that fades."""
    t = np.arange(160000) / 16000.0
    noise = tensor("wave", (160000,), (-1.0, 1.0)).astype(np.float64)
    tone = 0.3 * np.sin(2 * np.pi * (220.0 * t + 20.0 * t * t)) * (1.0 - (2.0 * t) % 1.0) + 0.01 * noise
    return np.stack([tone, 0.5 * noise * (1.0 - t / 10.0)]).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lpmc", type=pathlib.Path, required=True, help="a checkout of seungheondoh/lp-music-caps")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--checkpoint", type=pathlib.Path, help="also save the small model, as the original saves its own")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model, words = original(options.lpmc)
    wave = torch.from_numpy(music())
    kept = {}
    with torch.no_grad():
        # In double: where the real part of a coefficient all but vanishes, single precision is 2e-4 off what it means to say.
        mel = copy.deepcopy(model.audio_encoder.mel_encoder).double()(wave.double()).float()
        single = model.audio_encoder.mel_encoder(wave)
        print("mel in single precision is off by", float((mel - single).abs().max() / mel.abs().max()), "of the largest, on average", float((mel - single).abs().mean() / mel.abs().max()))
        encoded, embedded = model.forward_encoder(wave)
        kept["mel"] = sample(mel.numpy(), 6000)
        kept["embedded"] = sample(embedded.numpy())
        kept["encoded"] = sample(encoded.numpy())
        # The last two end where a token that comes often is said to be the last one.
        runs = {"five": (2, dict(num_beams=5)), "short": (2, dict(num_beams=3, max_length=12, min_length=6)),
                "ends": (28, dict(num_beams=4, max_length=60, min_length=8)), "soon": (57, dict(num_beams=5, max_length=80))}
        for name, (last, how) in runs.items():
            model.bart.generation_config = transformers.GenerationConfig(**{**GENERATING, "eos_token_id": last, "forced_eos_token_id": last})
            captions = model.generate(samples=wave, **how)
            tokens = words.kept.numpy().astype(np.int64)
            print(name, tokens.shape, tokens.tolist(), captions)
            kept[f"{name}.tokens"] = np.ascontiguousarray(tokens)
        tokens = torch.from_numpy(kept["five.tokens"])
        logits = model.bart(decoder_input_ids=tokens, encoder_outputs=(encoded,), return_dict=True)["logits"]
        print("mel", mel.shape, float(mel.min()), float(mel.max()), "encoded", float(encoded.std()), "logits", logits.shape, float(logits.std()))
        kept["logits"] = sample(logits.numpy(), 4000)
    save_file(kept, options.out / "captions.safetensors")
    if options.checkpoint:
        options.checkpoint.mkdir(parents=True, exist_ok=True)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
        torch.save({"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, options.checkpoint / "transfer.pth")
        (options.checkpoint / "vocab.json").write_text(json.dumps(words.vocab))
        (options.checkpoint / "config.json").write_text(json.dumps({**SMALL, **GENERATING}))


if __name__ == "__main__":
    main()
