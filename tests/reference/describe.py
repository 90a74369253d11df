#!/usr/bin/env python3
"""What Moondream2's own code says about a picture, for the model room's tests: a small model with numbers drawn from tensors' names.

    git clone https://github.com/vikhyat/moondream && git -C moondream checkout b944eb4     (2024-04-02; Apache-2.0, nothing of it is kept)
    venv/bin/python tests/reference/describe.py --moondream moondream --out crates/models/tests/fixtures

beside what eyes.py and words.py need, and einops. words.py is run first: the tokenizer is its `gpt2`.
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
import transformers.utils
from PIL import Image
from safetensors.numpy import save_file

from eyes import fill, photo, sample

QUESTION = "Describe shortly the image and give it a mood that describes it."
SIDE, WIDTH, INNER = 42, 64, 80


def causal(mask, shape, embeds, past):
    """In the place of the function that transformers no longer has."""
    length = shape[1]
    hidden = torch.full((length, length + past), torch.finfo(embeds.dtype).min).triu(1 + past)
    return hidden[None, None]


def package(folder):
    import types
    if not hasattr(transformers.utils, "is_flash_attn_greater_or_equal_2_10"):
        transformers.utils.is_flash_attn_greater_or_equal_2_10 = lambda: False
    masks = types.ModuleType("transformers.modeling_attn_mask_utils")
    masks._prepare_4d_causal_attention_mask = causal
    sys.modules["transformers.modeling_attn_mask_utils"] = masks
    sys.path.insert(0, str(folder))
    from moondream import modeling_phi, vision_encoder
    from moondream.configuration_moondream import PhiConfig
    return modeling_phi, vision_encoder, PhiConfig


class Whole(torch.nn.Module):
    """The names that the hub repository gives."""

    def __init__(self, eye, text):
        super().__init__()
        self.vision_encoder = torch.nn.Module()
        self.vision_encoder.encoder = torch.nn.Module()
        self.vision_encoder.encoder.model = torch.nn.ModuleDict({"visual": eye})
        self.vision_encoder.projection = torch.nn.Module()
        self.text_model = text


def small(phi, vision, config):
    eye = vision.VisionTransformer.__new__(vision.VisionTransformer)
    torch.nn.Module.__init__(eye)
    eye.patch_embed = vision.LinearPatchEmbedding()
    eye.patch_embed.linear = torch.nn.Linear(588, WIDTH)
    eye.pos_embed = torch.nn.Parameter(torch.zeros(1, (SIDE // 14) ** 2, WIDTH))
    blocks = [vision.VitBlock(WIDTH) for _ in range(3)]
    for block in blocks:
        block.mlp = vision.MLP(WIDTH, INNER)
    eye.blocks = torch.nn.Sequential(*blocks)
    eye.norm = torch.nn.LayerNorm(WIDTH)
    model = Whole(eye, phi.PhiForCausalLM(config))
    model.vision_encoder.projection.mlp = vision.MLP(WIDTH, 128, config.hidden_size)
    return fill(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moondream", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    phi, vision, PhiConfig = package(options.moondream)
    from transformers import PreTrainedTokenizerFast
    words = PreTrainedTokenizerFast(tokenizer_file=str(options.out / "tokens/gpt2/whole.json"))
    config = PhiConfig(vocab_size=420, hidden_size=64, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
                       max_position_embeddings=256, attn_implementation="eager")
    # A newer transformers asks what this code never said, and rewrites what it did say.
    config.pad_token_id = None
    PhiConfig.rope_scaling = property(lambda self: None, lambda self, value: None)
    config.rope_theta = 10000.0
    phi.PhiForCausalLM._tied_weights_keys = {}
    phi.PhiPreTrainedModel._supports_sdpa = False
    model = small(phi, vision, config)
    # The encoder's own preparation, at its size and at the small one's.
    make = vision.VisionEncoder.__init__.__globals__
    prepare = make["Compose"]([make["Resize"](size=(SIDE, SIDE), interpolation=make["InterpolationMode"].BICUBIC), make["ToImage"](),
                               make["ToDtype"](torch.float32, scale=True), make["Normalize"](mean=[0.5] * 3, std=[0.5] * 3)])
    full = make["Compose"]([make["Resize"](size=(378, 378), interpolation=make["InterpolationMode"].BICUBIC), *prepare.transforms[1:]])
    picture = Image.fromarray(photo("moondream", 150, 101))
    stored = {"planes": sample(full(picture).numpy())}
    x = make["rearrange"](prepare(picture)[None], "b c (h p1) (w p2) -> b (h w) (c p1 p2)", p1=14, p2=14)
    with torch.no_grad():
        seen = model.vision_encoder.projection.mlp(model.vision_encoder.encoder.model["visual"](x))
        stored["seen"] = seen.numpy()
        embed = model.text_model.get_input_embeddings()
        ids = words(f"\n\nQuestion: {QUESTION}\n\nAnswer:", add_special_tokens=False, return_tensors="pt").input_ids
        embeds = torch.cat([embed(torch.tensor([[0]])), seen, embed(ids)], 1)
        said, logits, margins = [], [], []
        for _ in range(48):
            hidden = model.text_model.transformer(inputs_embeds=embeds, use_cache=False, return_dict=True).last_hidden_state
            after = model.text_model.lm_head(hidden)[0, -1]
            logits.append(after.numpy())
            top = after.topk(2).values
            margins.append(float(top[0] - top[1]))
            token = int(after.argmax())
            if token == 0:
                break
            said.append(token)
            embeds = torch.cat([embeds, embed(torch.tensor([[token]]))], 1)
    stored["tokens"] = np.array(said, dtype=np.int64)
    stored["logits"] = np.stack(logits[:8])
    print(len(said), said, repr(words.decode(said)), "spread", float(stored["logits"].std()), "least margin", min(margins))
    save_file({k: np.ascontiguousarray(v) for k, v in stored.items()}, options.out / "moondream.safetensors")


if __name__ == "__main__":
    main()
