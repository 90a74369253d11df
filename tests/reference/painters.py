#!/usr/bin/env python3
"""What diffusers paints with Kandinsky 2.2 and SD Image Variations: small outputs for the model room's tests.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 accelerate pillow numpy safetensors
    venv/bin/python tests/reference/painters.py --out crates/models/tests/fixtures

Weights are not stored: they are numbers drawn from each tensor's name, here and in the tests. With --folders DIR the same small
pipelines are saved as `save_pretrained` saves them, and what they paint beside them, so that the commands themselves can be tried:

    synchresis paint --painter kandinsky=DIR/kandinsky --prompt 'rain over the harbour' --image DIR/art.png --weights 0.3,0.7 \\
        --negative-prompt 'blurred, dark' --seed 7 --prior-steps 5 --steps 6 --guidance 3.5 --size 128x64 -o out.png
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from diffusers import (AutoencoderKL, DDPMScheduler, KandinskyV22Pipeline, KandinskyV22PriorPipeline, PNDMScheduler, PriorTransformer,
                       StableDiffusionImageVariationPipeline, UNet2DConditionModel, UnCLIPScheduler, VQModel)
from PIL import Image
from safetensors.numpy import save_file
from transformers import (CLIPImageProcessor, CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionConfig,
                          CLIPVisionModelWithProjection)

from diffusion import drawn, fill, words
from eyes import photo, sample, tensor

HERE = pathlib.Path(__file__).resolve().parent
WIDTH = 24
TOKENS = 20
PROMPT, NEGATIVE = "rain over the harbour", "blurred, dark"


def tokenizer():
    whole = json.loads((HERE / "../../crates/models/tests/fixtures/tokens/clip/whole.json").read_text())["model"]
    tok = CLIPTokenizer(vocab=whole["vocab"], merges=[tuple(m) for m in whole["merges"]])
    tok.model_max_length = TOKENS
    return tok


def towers(tok, projection):
    text = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=len(tok), hidden_size=WIDTH, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=TOKENS,
        hidden_act="gelu", projection_dim=projection, bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id, pad_token_id=1))
    image = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=28, patch_size=7, hidden_act="gelu",
        projection_dim=projection))
    processor = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    return fill(text), fill(image), processor


def prior_pipeline():
    tok = tokenizer()
    text, image, processor = towers(tok, WIDTH)
    prior = fill(PriorTransformer(num_attention_heads=2, attention_head_dim=12, num_layers=2, embedding_dim=WIDTH, num_embeddings=TOKENS,
                                  additional_embeddings=4))
    scheduler = UnCLIPScheduler(variance_type="fixed_small_log", num_train_timesteps=1000, clip_sample=True, clip_sample_range=5.0,
                                prediction_type="sample")
    return KandinskyV22PriorPipeline(prior=prior, image_encoder=image, text_encoder=text, tokenizer=tok, scheduler=scheduler,
                                     image_processor=processor)


def decoder_pipeline():
    unet = fill(UNet2DConditionModel(
        in_channels=4, out_channels=8, addition_embed_type="image", down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=(32, 64), encoder_hid_dim=WIDTH, encoder_hid_dim_type="image_proj", cross_attention_dim=16, attention_head_dim=8,
        resnet_time_scale_shift="scale_shift", layers_per_block=1, norm_num_groups=8))
    movq = fill(VQModel(in_channels=3, out_channels=3, latent_channels=4, num_vq_embeddings=12, vq_embed_dim=4, norm_type="spatial",
                        block_out_channels=(32, 32, 64, 64), layers_per_block=1, norm_num_groups=8,
                        down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
                        up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3))
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample=True, clip_sample_range=2.0,
                              variance_type="learned_range", thresholding=True, sample_max_value=2.0)
    return KandinskyV22Pipeline(unet=unet, movq=movq, scheduler=scheduler)


SCHEDULES = {
    "unclip": UnCLIPScheduler(prediction_type="sample", clip_sample_range=5.0),
    "unclip-noise": UnCLIPScheduler(num_train_timesteps=50, variance_type="learned_range"),
    "ddpm": DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample_range=2.0, variance_type="learned_range",
                          thresholding=True, sample_max_value=2.0),
    "ddpm-plain": DDPMScheduler(beta_schedule="scaled_linear", clip_sample=False, timestep_spacing="trailing", prediction_type="v_prediction"),
    "ddpm-cosine": DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="fixed_small_log", timestep_spacing="linspace"),
    "ddpm-large": DDPMScheduler(variance_type="fixed_large"),
}


def schedules():
    out = {}
    for name, scheduler in SCHEDULES.items():
        learned = "learned" in scheduler.config.variance_type
        for steps in (5, 25):
            scheduler.set_timesteps(steps)
            random = torch.Generator().manual_seed(3)
            x = drawn("start", (1, 2, 3, 4), -2.0, 2.0)
            steps_of = scheduler.timesteps.tolist()
            for i, t in enumerate(steps_of):
                said = 0.7 * x + drawn(f"said{i}", (1, 2, 3, 4), -0.5, 0.5)
                if learned:
                    said = torch.cat([said, drawn(f"variance{i}", (1, 2, 3, 4), -1.0, 1.0)], 1)
                more = {}
                if isinstance(scheduler, UnCLIPScheduler):
                    more["prev_timestep"] = steps_of[i + 1] if i + 1 < len(steps_of) else None
                x = scheduler.step(said, t, x, generator=random, **more).prev_sample
            out[f"{name}.{steps}"] = x.numpy()
            out[f"{name}.{steps}.timesteps"] = np.array(steps_of, dtype=np.int64)
        out[f"{name}.config"] = words(scheduler.to_json_string())
    return out


def kandinsky(art):
    out = {}
    prior, decoder = prior_pipeline(), decoder_pipeline()
    for pipeline in (prior, decoder):
        pipeline.set_progress_bar_config(disable=True)
    for name, part in (("prior", prior.prior), ("unet", decoder.unet), ("movq", decoder.movq)):
        out[f"{name}.config"] = words(part.to_json_string())
    out["prior.scheduler"] = words(prior.scheduler.to_json_string())
    out["decoder.scheduler"] = words(decoder.scheduler.to_json_string())
    # Parts.
    mask = (torch.arange(TOKENS)[None] < torch.tensor([[5], [TOKENS]])).float()
    out["prior.said"] = prior.prior(drawn("sample", (2, WIDTH)), 321, drawn("words", (2, WIDTH)), drawn("hidden", (2, TOKENS, WIDTH)),
                                    mask.bool()).predicted_image_embedding.numpy()
    out["unet.said"] = sample(decoder.unet(drawn("sample", (2, 4, 16, 8), -2.0, 2.0), 321, None, added_cond_kwargs={
        "image_embeds": drawn("image", (2, WIDTH))}).sample.numpy())
    out["movq.picture"] = sample(decoder.movq.decode(drawn("latents", (2, 4, 6, 5), -2.0, 2.0), force_not_quantize=True).sample.numpy())
    # What the towers say, and what the prior makes of it.
    for name, text in (("prompt", PROMPT), ("negative", NEGATIVE), ("empty", "")):
        embeds, hidden, seen = prior._encode_prompt(text, "cpu", 1, False)
        out |= {f"{name}.words": embeds.numpy(), f"{name}.hidden": hidden.numpy(), f"{name}.mask": seen.float().numpy()}
    random = lambda: torch.Generator().manual_seed(7)
    found = prior(PROMPT, NEGATIVE, num_inference_steps=5, generator=random())
    out["plain.image"], out["plain.negative"] = found.image_embeds.numpy(), found.negative_image_embeds.numpy()
    out["unguided.image"] = prior(PROMPT, num_inference_steps=4, generator=random(), guidance_scale=1.0).image_embeds.numpy()
    generator = random()
    found = prior.interpolate([PROMPT, art, NEGATIVE], [0.3, 0.5, 0.2], num_inference_steps=5, negative_prior_prompt=NEGATIVE, generator=generator)
    out["between.image"], out["between.negative"] = found.image_embeds.numpy(), found.negative_image_embeds.numpy()
    out["between.after"] = torch.randn(20, generator=generator).numpy()
    generator = random()
    out["bare.image"] = prior.interpolate([PROMPT], [1.0], num_inference_steps=5, generator=generator).image_embeds.numpy()
    out["bare.after"] = torch.randn(20, generator=generator).numpy()
    out["art.embedding"] = prior.image_encoder(torch.from_numpy(np.array(prior.image_processor(art)["pixel_values"]))).image_embeds.numpy()
    out["black"] = prior.get_zero_embed().numpy()
    # The whole way.
    whole = dict(image_embeds=drawn("image", (1, WIDTH)), negative_image_embeds=drawn("negative", (1, WIDTH)), width=100, height=64,
                 num_inference_steps=6, guidance_scale=3.5)
    latents = decoder(**whole, generator=random(), output_type="latent").images
    out["decoder.latents"] = latents.numpy()
    painted = decoder(**whole, generator=random(), output_type="np").images
    out["decoder.picture"] = sample(painted)
    for name, value in out.items():
        if value.dtype == np.float32:
            print(name, value.shape, float(np.abs(value).mean()), float(value.std()))
    return out, prior, decoder


def slerp(t, v0, v1, threshold=0.9995):
    """As everyone who walks through latents writes it, in double precision."""
    dot = np.sum(v0 * v1 / (np.linalg.norm(v0) * np.linalg.norm(v1)))
    if np.abs(dot) > threshold:
        return (1 - t) * v0 + t * v1
    angle = np.arccos(dot)
    return np.sin(angle * (1 - t)) / np.sin(angle) * v0 + np.sin(angle * t) / np.sin(angle) * v1


PNDM = {
    "pndm": PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, set_alpha_to_one=False,
                          steps_offset=1),
    "pndm-v": PNDMScheduler(skip_prk_steps=True, prediction_type="v_prediction", set_alpha_to_one=True),
}


def variations(art):
    out = {}
    a, far = tensor("from", (64,), (-1.0, 1.0)).astype(np.float64), tensor("to", (64,), (-1.0, 1.0)).astype(np.float64)
    near = (np.float32(1.01) * a.astype(np.float32) + np.float32(0.001)).astype(np.float64)
    for name, b in (("near", near), ("far", far)):
        for t in (0, 0.25, 0.5, 1):
            out[f"slerp.{name}.{t}"] = slerp(t, a, b).astype(np.float32)
    for name, scheduler in PNDM.items():
        for steps in (3, 25):
            scheduler.set_timesteps(steps)
            x = drawn("start", (1, 2, 3, 4), -2.0, 2.0)
            for i, t in enumerate(scheduler.timesteps):
                said = 0.7 * x + drawn(f"said{i}", (1, 2, 3, 4), -0.5, 0.5)
                x = scheduler.step(said, t, x).prev_sample
            out[f"{name}.{steps}"] = x.numpy()
            out[f"{name}.{steps}.timesteps"] = scheduler.timesteps.numpy().astype(np.int64)
        out[f"{name}.config"] = words(scheduler.to_json_string())
    _, image, processor = towers(tokenizer(), WIDTH)
    vae = fill(AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 16, 32, 32), layers_per_block=1, norm_num_groups=8,
                             down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4))
    unet = fill(UNet2DConditionModel(sample_size=64, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8,
                                     down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                                     cross_attention_dim=WIDTH, attention_head_dim=4))
    pipeline = StableDiffusionImageVariationPipeline(vae=vae, image_encoder=image, unet=unet, scheduler=PNDM["pndm"], safety_checker=None,
                                                     feature_extractor=processor, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    out |= {"unet.config": words(unet.to_json_string()), "vae.config": words(vae.to_json_string())}
    embedding = drawn("embedding", (1, WIDTH))
    encode = pipeline._encode_image
    # The tower has its own test; here the embedding is drawn.
    pipeline._encode_image = lambda *_: torch.stack([torch.zeros(1, WIDTH), embedding])
    how = dict(width=64, height=48, num_inference_steps=4, guidance_scale=3.0)
    random = lambda: torch.Generator().manual_seed(7)
    out["latents"] = pipeline(art, **how, generator=random(), output_type="latent").images.numpy()
    out["picture"] = sample(pipeline(art, **how, generator=random(), output_type="np").images)
    pipeline._encode_image = encode
    planes = lambda name: torch.from_numpy(photo(name, 64, 48).astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    a, b = (vae.encode(planes(name)).latent_dist.mean for name in ("a", "b"))
    out["encoded"] = sample(a.numpy())
    middle = torch.from_numpy(slerp(0.25, a.double().numpy(), b.double().numpy())).float()
    out["between"] = sample((vae.decode(middle).sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())
    for name, value in out.items():
        if value.dtype == np.float32 and "." not in name:
            print(name, value.shape, float(np.abs(value).mean()), float(value.std()))
    return out, pipeline


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--folders", type=pathlib.Path, help="also save the small pipelines, and what they paint")
    options = parser.parse_args()
    art = Image.fromarray(photo("art", 90, 61))
    with torch.no_grad():
        stored, prior, decoder = kandinsky(art)
        stored |= {f"schedule.{name}": value for name, value in schedules().items()}
        between, pipeline = variations(art)
    keep = lambda stored, name: save_file({k: np.ascontiguousarray(v) for k, v in stored.items()}, options.out / name)
    keep(stored, "kandinsky.safetensors")
    keep(between, "variations.safetensors")
    if options.folders:
        folder = options.folders
        folder.mkdir(parents=True, exist_ok=True)
        prior.save_pretrained(folder / "kandinsky/prior")
        decoder.save_pretrained(folder / "kandinsky/decoder")
        # The layout of older repositories too: pickles beside their configurations.
        pipeline.save_pretrained(folder / "variations")
        pipeline.save_pretrained(folder / "variations-bin", safe_serialization=False)
        art.save(folder / "art.png")
        with torch.no_grad():
            # As the command line in this file's head, and without a picture.
            random = torch.Generator().manual_seed(7)
            found = prior.interpolate([PROMPT, art], [0.3, 0.7], num_inference_steps=5, negative_prior_prompt=NEGATIVE, generator=random)
            paint = lambda found: decoder(**found, width=128, height=64, num_inference_steps=6, guidance_scale=3.5, generator=random).images[0]
            paint(found).save(folder / "kandinsky.png")
            random = torch.Generator().manual_seed(7)
            found = prior(PROMPT, NEGATIVE, num_inference_steps=5, generator=random)
            paint(found).save(folder / "kandinsky-words.png")
            pipeline(art, width=64, height=48, num_inference_steps=4, guidance_scale=3.0,
                     generator=torch.Generator().manual_seed(7)).images[0].save(folder / "variations.png")


if __name__ == "__main__":
    main()
