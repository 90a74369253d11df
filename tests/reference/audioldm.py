#!/usr/bin/env python3
"""What diffusers computes with small AudioLDM and AudioLDM2 pipelines: outputs for the model room's tests.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 accelerate numpy safetensors \
        librosa
    venv/bin/python tests/reference/audioldm.py --out crates/models/tests/fixtures [--keep FOLDER]

Weights are not stored: they are numbers drawn from each tensor's name, here and in the tests. --keep saves both pipelines whole, as
diffusers' save_pretrained does, with what they make beside them (wanted.safetensors), for trying the command by hand.
"""
import argparse
import json
import pathlib
import tempfile

import numpy as np
import torch
import transformers
from diffusers import (AudioLDM2Pipeline, AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel, AudioLDMPipeline, AutoencoderKL,
                       DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel)
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (ClapConfig, ClapFeatureExtractor, ClapModel, ClapTextConfig, ClapTextModelWithProjection, GPT2Config,
                          GPT2LMHeadModel, RobertaTokenizerFast, SpeechT5HifiGan, SpeechT5HifiGanConfig, T5Config, T5EncoderModel,
                          T5TokenizerFast)

from diffusion import drawn, fill, words
from eyes import sample, tensor

SENTENCES = ["calm rainy evening, solo piano", "a dog barks twice in the distance", "fast techno with a strong upbeat tempo",
             "low quality, average quality, bad quality, poor quality", "waves on a beach and wind in the trees",
             "the sound of footsteps on gravel", "a choir sings softly in a large church", "rain on a window, thunder far away"] * 4
PROMPT, NEGATIVE = "fast techno, a choir sings 🎹", "low quality, average quality, bad quality, poor quality"


def roberta():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    state = json.loads(tokenizer.to_str())["model"]
    return RobertaTokenizerFast(vocab=state["vocab"], merges=[tuple(m) for m in state["merges"]], model_max_length=77)


def t5():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(SENTENCES, trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    pieces = [tuple(p) for p in json.loads(tokenizer.to_str())["model"]["vocab"]]
    return T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=64)


def vae():
    return AutoencoderKL(in_channels=1, out_channels=1, latent_channels=4, block_out_channels=(8, 16, 16), layers_per_block=1,
                         norm_num_groups=4, scaling_factor=0.9, down_block_types=("DownEncoderBlock2D",) * 3,
                         up_block_types=("UpDecoderBlock2D",) * 3)


def vocoder():
    return SpeechT5HifiGan(SpeechT5HifiGanConfig(
        model_in_dim=16, sampling_rate=16000, upsample_initial_channel=64, upsample_rates=[5, 4, 2, 2, 2],
        upsample_kernel_sizes=[16, 16, 8, 4, 4], resblock_kernel_sizes=[3, 7], resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
        normalize_before=False))


def scheduler():
    return DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
                         steps_offset=1)


TEXT = dict(vocab_size=330, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=36,
            max_position_embeddings=80, pad_token_id=1, bos_token_id=0, eos_token_id=2, projection_dim=20, hidden_act="gelu")
AUDIO = dict(spec_size=64, num_mel_bins=16, window_size=4, patch_size=4, patch_stride=4, depths=[2, 2], num_attention_heads=[2, 4],
             patch_embeds_hidden_size=16, hidden_size=32, projection_dim=20)


def audioldm2(gains):
    text = roberta()
    clap = ClapModel(ClapConfig(text_config=TEXT, audio_config=AUDIO, projection_dim=20))
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=128, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0))
    gpt2.config.max_new_tokens = 8
    parts = dict(
        vae=fill(vae(), gains["vae"]), text_encoder=fill(clap),
        text_encoder_2=fill(T5EncoderModel(T5Config(vocab_size=90, d_model=24, d_kv=6, d_ff=40, num_layers=2, num_heads=4,
                                                    feed_forward_proj="gated-gelu", relative_attention_max_distance=16,
                                                    relative_attention_num_buckets=12))),
        projection_model=fill(AudioLDM2ProjectionModel(text_encoder_dim=20, text_encoder_1_dim=24, langauge_model_dim=16)),
        language_model=fill(gpt2), tokenizer=text, tokenizer_2=t5(),
        feature_extractor=ClapFeatureExtractor(feature_size=16, hop_length=512, max_length_s=2, fft_window_size=1024,
                                               truncation="rand_trunc"),
        unet=fill(AudioLDM2UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, block_out_channels=(16, 24, 32), norm_num_groups=8, layers_per_block=1,
            attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=((None, 16, 24), (None, 16, 24), (None, 16, 24)))),
        scheduler=scheduler(), vocoder=fill(vocoder(), gains["vocoder"]))
    return AudioLDM2Pipeline(**parts)


def audioldm(gains):
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(16, 24), norm_num_groups=8, layers_per_block=1,
        attention_head_dim=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=(16, 24), class_embed_type="simple_projection", projection_class_embeddings_input_dim=20,
        class_embeddings_concat=True)
    return AudioLDMPipeline(vae=fill(vae(), gains["vae"]), text_encoder=fill(ClapTextModelWithProjection(ClapTextConfig(**TEXT))),
                            tokenizer=roberta(), unet=fill(unet), scheduler=scheduler(), vocoder=fill(vocoder(), gains["vocoder"]))


# How a sound is wished for: method, steps, seed, guidance, seconds, waveforms, negative prompt.
WISHES = [
    ("ddim", 5, 42, 3.5, 0.64, 1, NEGATIVE),
    ("dpmsolver++", 5, 42, 3.5, 0.64, 1, NEGATIVE),
    ("ddim", 25, 2**64 - 1, 2.5, 0.5, 1, None),
    ("dpmsolver++", 25, 0, 3.5, 1.15, 1, NEGATIVE),
    ("dpmsolver++ karras", 5, 7, 3.5, 0.7304, 1, NEGATIVE),
    ("ddim", 5, 3, 1.0, 0.3333, 1, None),
    ("dpmsolver++", 5, 1, 3.5, 0.64, 3, NEGATIVE),
]


def made(pipe, wish):
    method, steps, seed, guidance, seconds, count, negative = wish
    before = pipe.scheduler
    if method.startswith("dpm"):
        config = dict(before.config)
        if "karras" in method:
            config["use_karras_sigmas"] = True
        pipe.scheduler = DPMSolverMultistepScheduler.from_config(config)
    audio = pipe(PROMPT, negative_prompt=negative, num_inference_steps=steps, guidance_scale=guidance, audio_length_in_s=seconds,
                 num_waveforms_per_prompt=count, generator=torch.Generator("cpu").manual_seed(seed)).audios
    pipe.scheduler = before
    return np.ascontiguousarray(audio)


def files(folder, stored, name):
    """Everything but weights, as the folder has it."""
    for path in sorted(folder.rglob("*.json")) + sorted(folder.rglob("*.txt")):
        stored[f"{name}/{path.relative_to(folder)}"] = words(path.read_text())


def parts(pipe, stored):
    """What each part says of the same text and numbers."""
    clap, t5, gpt2 = pipe.text_encoder, pipe.text_encoder_2, pipe.language_model
    text = pipe.tokenizer(PROMPT, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    stored["clap.ids"] = text.input_ids.numpy()
    stored["clap.place"] = clap.get_text_features(**text).pooler_output.numpy()
    text = pipe.tokenizer_2(NEGATIVE, padding="max_length", max_length=40, truncation=True, return_tensors="pt")
    stored["t5.ids"], stored["t5.mask"] = text.input_ids.numpy(), text.attention_mask.numpy()
    stored["t5.vectors"] = t5(**text)[0].numpy()
    joined = pipe.projection_model(drawn("clap", (1, 1, 20)), drawn("t5", (1, 7, 24)), torch.ones(1, 1, dtype=torch.long),
                                   torch.tensor([[1, 1, 1, 1, 0, 0, 0]]))
    stored["joined"] = joined.hidden_states.numpy()
    stored["said"] = pipe.generate_language_model(joined.hidden_states, attention_mask=joined.attention_mask, max_new_tokens=8).numpy()
    unet = pipe.unet(drawn("sample", (2, 4, 13, 4), -2.0, 2.0), 481, drawn("context", (2, 8, 16)),
                     encoder_hidden_states_1=drawn("context_1", (2, 5, 24)),
                     encoder_attention_mask_1=torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])).sample
    stored["unet"] = unet.numpy()
    mel = pipe.vae.decode(drawn("latents", (1, 4, 9, 4), -2.0, 2.0)).sample
    stored["mel"] = mel.numpy()
    stored["sound"] = sample(pipe.vocoder(drawn("frames", (1, 30, 16), -2.0, 2.0)).numpy())
    sound = 0.5 * tensor("ears", (16000,), (-1.0, 1.0))
    heard = pipe.feature_extractor(np.repeat(sound, 3), return_tensors="pt", sampling_rate=48000)
    stored["heard"] = sample(heard.input_features.numpy().astype(np.float32))
    stored["ears"] = clap.get_audio_features(heard.input_features.float()).pooler_output.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for both pipelines, whole")
    options = parser.parse_args()
    gains = {"vae": 3.0, "vocoder": 3.7}
    for name, build in (("audioldm2", audioldm2), ("audioldm", audioldm)):
        pipe = build(gains)
        pipe.set_progress_bar_config(disable=True)
        stored = {"gain.vae": np.array([gains["vae"]]), "gain.vocoder": np.array([gains["vocoder"]])}
        with tempfile.TemporaryDirectory() as folder:
            folder = options.keep / name if options.keep else pathlib.Path(folder)
            pipe.save_pretrained(folder)
            # As everybody has it who loads the folder: all its numbers count, those that were defaults too.
            pipe.scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
            files(folder, stored, "folder")
            with torch.no_grad():
                if name == "audioldm2":
                    parts(pipe, stored)
                outputs = {f"wish{i}": made(pipe, wish) for i, wish in enumerate(WISHES)}
            if options.keep:
                save_file(outputs, folder / "wanted.safetensors")
        for i, audio in outputs.items():
            print(name, i, audio.shape, "mean size", float(np.abs(audio).mean()), "largest", float(np.abs(audio).max()))
            stored[i] = np.stack([sample(one) for one in audio])
        for key, value in stored.items():
            if value.dtype == np.float32 and not key.startswith("wish"):
                print(name, key, value.shape, float(np.abs(value).mean()))
        save_file(stored, options.out / f"{name}.safetensors")


if __name__ == "__main__":
    main()
