#!/usr/bin/env python3
"""What the reference implementations say of words: tokenizers and CLIP, for the model room's tests (crates/models/tests/fixtures).

    venv/bin/pip install torch==2.15.0 transformers==5.23.0 pillow numpy safetensors      (beside what eyes.py needs)
    venv/bin/python tests/reference/words.py --out crates/models/tests/fixtures

Tokenizers are trained here on a few sentences. Weights are numbers drawn from tensors' names, as in eyes.py.
"""
import argparse
import json
import pathlib
import shutil
import tempfile

import numpy as np
import tokenizers
import torch
from safetensors.numpy import save_file
from tokenizers import models, normalizers, pre_tokenizers, trainers

from eyes import fill, photo, sample

CORPUS = """A calm rainy evening at the sea, and a train that leaves the station.
The street is crowded with people; it's summer, they're dancing and we've music.
Dark forest in the fog: an owl, a fire, a lonely traveller. Happy children play football!
A describing sentence describes a described description. Twenty-five cars, 1984, 3.14 and 100%.
Describe shortly the image and give it a mood that describes it.
un café à la plage, è già sera, größer als die Straße, 夜晚的城市""".splitlines()
SENTENCES = [
    "A calm evening at the sea",
    "it's THE   street, we've 25 cars!\n\tand a fire.",
    "größer, è già sera 夜晚 🙂",
    "",
    " leading space and trailing ",
    "a train that leaves the station " * 5,
    "<|endoftext|> in the middle <s> of a text</s>",
    "don't they're I'm she'll he'd",
    "ﬁne ① Å e\u0301",
]


def bytewise(special, **rules):
    ends = {"unk_token": rules["unk"], "end_of_word_suffix": rules["suffix"]} if rules else {}
    tok = tokenizers.Tokenizer(models.BPE(**ends))
    if rules.get("normalizer"):
        tok.normalizer = rules["normalizer"]
    tok.pre_tokenizer = rules.get("split") or pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    ends = {"end_of_word_suffix": rules["suffix"]} if rules else {}
    tok.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=640 if rules else 420, special_tokens=special,
                                                        initial_alphabet=sorted(alphabet), show_progress=False, **ends))
    return json.loads(tok.to_str())["model"]


def make_tokenizers(out):
    from transformers import CLIPTokenizer, GPT2Tokenizer, RobertaTokenizer, T5Tokenizer
    made = {}
    split = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    clip = bytewise(["<|startoftext|>", "<|endoftext|>"], suffix="</w>", unk="<|endoftext|>", split=split,
                    normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]))
    # CLIP's vocabulary has every byte closed and open.
    for token in sorted(pre_tokenizers.ByteLevel.alphabet()):
        clip["vocab"].setdefault(token + "</w>", len(clip["vocab"]))
    merges = [tuple(m) for m in clip["merges"]]
    made["clip"] = CLIPTokenizer(vocab=clip["vocab"], merges=merges), clip
    roberta = bytewise(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    made["roberta"] = RobertaTokenizer(vocab=roberta["vocab"], merges=[tuple(m) for m in roberta["merges"]]), roberta
    gpt2 = bytewise(["<|endoftext|>"])
    made["gpt2"] = GPT2Tokenizer(vocab=gpt2["vocab"], merges=[tuple(m) for m in gpt2["merges"]]), gpt2
    unigram = tokenizers.Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
                                                                show_progress=False))
    pieces = [tuple(v) for v in json.loads(unigram.to_str())["model"]["vocab"]]
    made["t5"] = T5Tokenizer(vocab=pieces, extra_ids=2), None
    shutil.rmtree(out / "tokens", ignore_errors=True)
    for name, (tok, pairs) in made.items():
        folder = out / "tokens" / name
        folder.mkdir(parents=True)
        said = []
        for text in SENTENCES:
            whole = tok(text)["input_ids"]
            entry = {"text": text, "ids": whole, "short": tok(text, truncation=True, max_length=8)["input_ids"],
                     "bare": tok(text, add_special_tokens=False)["input_ids"],
                     "decoded": tok.decode(whole, skip_special_tokens=True)}
            if name != "gpt2":
                padded = tok(text, truncation=True, padding="max_length", max_length=24)
                entry["padded"], entry["mask"] = padded["input_ids"], padded["attention_mask"]
            said.append(entry)
        (folder / "said.json").write_text(json.dumps(said, ensure_ascii=False, indent=0))
        if pairs:
            (folder / "vocab.json").write_text(json.dumps(pairs["vocab"], ensure_ascii=False, separators=(",", ":")))
            lines = ["#version: 0.2"] + [" ".join(m) for m in pairs["merges"]]
            (folder / "merges.txt").write_text("\n".join(lines) + "\n")
            (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": type(tok).__name__, "model_max_length": 77}))
            (folder / "special_tokens_map.json").write_text(json.dumps({k: str(v) for k, v in tok.special_tokens_map.items() if isinstance(v, str)}))
        with tempfile.TemporaryDirectory() as scratch:
            tok.save_pretrained(scratch)
            shutil.copy(pathlib.Path(scratch) / "tokenizer.json", folder / "whole.json")
            if not pairs:
                shutil.copy(pathlib.Path(scratch) / "tokenizer_config.json", folder)
        print(name, len(tok), said[1]["ids"][:12], repr(said[1]["decoded"]), tok.special_tokens_map)


def said(prefix, outputs, projected):
    named = {"last": outputs.last_hidden_state, "pooled": outputs.pooler_output} if hasattr(outputs, "pooler_output") else {
        "last": outputs.last_hidden_state}
    return {f"{prefix}.{k}": sample(v.numpy()) for k, v in {**named, "projected": projected}.items()}


def make_clip(out):
    from PIL import Image
    from transformers import (AutoTokenizer, CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig,
                              CLIPVisionModelWithProjection)
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    folder = out / "clip"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    vocab = 702
    text = dict(vocab_size=vocab, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=24,
                bos_token_id=0, eos_token_id=1, pad_token_id=1)
    image = dict(hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4, image_size=40, patch_size=8)
    from transformers import PreTrainedTokenizerFast
    words = PreTrainedTokenizerFast(tokenizer_file=str(out / "tokens/clip/whole.json"), pad_token="<|endoftext|>")
    texts = SENTENCES[:3] + ["a train that leaves"]
    ids = words(texts, padding="max_length", truncation=True, max_length=24, return_tensors="pt")
    picture = Image.fromarray(photo("clip", 90, 61))
    planes = torch.from_numpy(np.array(CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size=40)(picture)["pixel_values"]))
    large = CLIPImageProcessorPil()(Image.fromarray(photo("clip", 300, 231)))["pixel_values"][0]
    stored = {"ids": ids["input_ids"].numpy(), "mask": ids["attention_mask"].numpy(), "planes": planes.numpy(), "large": sample(large)}
    both = fill(CLIPModel(CLIPConfig(text_config=text, vision_config=image, projection_dim=40)))
    with torch.no_grad():
        seen = both.text_model(**ids)
        stored |= said("both.text", seen, both.text_projection(seen.pooler_output))
        unmasked = both.text_model(input_ids=ids["input_ids"])
        stored["both.text.unmasked"] = sample(unmasked.last_hidden_state.numpy())
        seen = both.vision_model(planes)
        stored |= said("both.image", seen, both.visual_projection(seen.pooler_output))
        found = both(**ids, pixel_values=planes)
        stored["shares"] = found.logits_per_image.softmax(-1).numpy()
    (folder / "both.json").write_text(json.dumps(both.config.to_dict(), indent=1, default=str))
    # The towers of a diffusers pipeline, with GELU, and with the wrong closing token that old configurations name.
    tower = fill(CLIPTextModelWithProjection(CLIPTextConfig(**{**text, "eos_token_id": 2}, hidden_act="gelu", projection_dim=56)))
    eye = fill(CLIPVisionModelWithProjection(CLIPVisionConfig(**image, hidden_act="gelu", projection_dim=56)))
    legacy = ids["input_ids"].clone()
    legacy[ids["attention_mask"] == 0] = 0
    legacy[legacy == 1] = vocab - 1
    with torch.no_grad():
        outputs = tower(legacy)
        stored |= said("text", outputs, outputs.text_embeds)
        outputs = eye(planes)
        stored |= said("image", outputs, outputs.image_embeds)
    stored["legacy"] = legacy.numpy()
    (folder / "text.json").write_text(json.dumps(tower.config.to_dict(), indent=1, default=str))
    (folder / "image.json").write_text(json.dumps(eye.config.to_dict(), indent=1, default=str))
    print({k: (v.shape, float(np.abs(v).mean())) for k, v in stored.items()}, stored["shares"])
    save_file({k: np.ascontiguousarray(v) for k, v in stored.items()}, folder / "said.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    make_tokenizers(options.out)
    make_clip(options.out)


if __name__ == "__main__":
    main()
