#!/usr/bin/env python3
"""AudioLDM2's base size with random weights: our `generate` beside diffusers eager, in one run, medians of interleaved pairs.

    venv/bin/python benches/audioldm.py --synchresis target/release/synchresis --ort-lib libonnxruntime.so --steps 3 --pairs 1

The sizes are those of cvssp/audioldm2 (U-Net, autoencoder, vocoder, CLAP, FLAN-T5 large's encoder, GPT-2); compute does not depend on the
values of weights. The tokenizers are the small ones of tests/reference/audioldm.py. Needs about 12 GB of memory and 5 GB of disk.
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/reference"))
PROMPT, NEGATIVE = "fast techno, a choir sings", "low quality, average quality, bad quality, poor quality"


def build(folder):
    import audioldm as small
    from diffusers import AudioLDM2Pipeline, AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel, AutoencoderKL
    from transformers import (ClapConfig, ClapFeatureExtractor, ClapModel, GPT2Config, GPT2LMHeadModel, SpeechT5HifiGan,
                              SpeechT5HifiGanConfig, T5Config, T5EncoderModel)
    gpt2 = GPT2LMHeadModel(GPT2Config())
    gpt2.config.max_new_tokens = 8
    text = dict(vocab_size=50265, max_position_embeddings=514, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    AudioLDM2Pipeline(
        vae=AutoencoderKL(in_channels=1, out_channels=1, latent_channels=8, block_out_channels=(128, 256, 512), layers_per_block=2,
                          scaling_factor=0.41, down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3),
        text_encoder=ClapModel(ClapConfig(text_config=text)),
        text_encoder_2=T5EncoderModel(T5Config(vocab_size=32128, d_model=1024, d_kv=64, d_ff=2816, num_layers=24, num_heads=16,
                                               feed_forward_proj="gated-gelu")),
        projection_model=AudioLDM2ProjectionModel(text_encoder_dim=512, text_encoder_1_dim=1024, langauge_model_dim=768),
        language_model=gpt2, tokenizer=small.roberta(), tokenizer_2=small.t5(),
        feature_extractor=ClapFeatureExtractor(truncation="rand_trunc"),
        unet=AudioLDM2UNet2DConditionModel(
            sample_size=256, in_channels=8, out_channels=8, block_out_channels=(128, 256, 384, 640), layers_per_block=2,
            attention_head_dim=8, down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
            up_block_types=("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
            cross_attention_dim=((None, 768, 1024),) * 4),
        scheduler=small.scheduler(),
        vocoder=SpeechT5HifiGan(SpeechT5HifiGanConfig(
            model_in_dim=64, sampling_rate=16000, upsample_initial_channel=1024, upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4], normalize_before=False)),
    ).save_pretrained(folder)


def theirs(folder, steps, threads):
    """In a process of its own, so that its memory is its own."""
    code = f"""
import resource, time, torch
torch.set_num_threads({threads})
from diffusers import AudioLDM2Pipeline
t = time.time(); pipe = AudioLDM2Pipeline.from_pretrained({str(folder)!r}); load = time.time() - t
pipe.set_progress_bar_config(disable=True)
t = time.time()
pipe({PROMPT!r}, negative_prompt={NEGATIVE!r}, num_inference_steps={steps}, guidance_scale=3.5, audio_length_in_s=10.0,
     generator=torch.Generator("cpu").manual_seed(1))
print("RESULT", load, time.time() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    load, run, memory = map(float, out.split("RESULT")[1].split())
    return load + run, memory


def ours(binary, library, folder, steps, threads):
    before = time.time()
    with tempfile.TemporaryDirectory() as out:
        command = [binary, "generate", "--music", f"audioldm2={folder}", "--prompt", PROMPT, "--negative-prompt", NEGATIVE, "--seed", "1",
                   "--steps", str(steps), "--guidance", "3.5", "--seconds", "10", "--scheduler", "ddim", "--threads", str(threads),
                   "--ort-lib", library, "-o", f"{out}/o.wav"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.time() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synchresis", required=True)
    parser.add_argument("--ort-lib", required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, help="kept between runs")
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp())
    if not (folder / "model_index.json").is_file():
        build(folder)
    pairs = []
    for _ in range(options.pairs):
        # Ours first: what a child has taken at most is told of all children together.
        mine = ours(options.synchresis, options.ort_lib, folder, options.steps, options.threads)
        pairs.append((mine, theirs(folder, options.steps, options.threads)))
        print(json.dumps({"ours_s": mine[0], "ours_gb": mine[1], "theirs_s": pairs[-1][1][0], "theirs_gb": pairs[-1][1][1]}), flush=True)
    print("whole, loading and all: ratio", round(statistics.median(m[0] / t[0] for m, t in pairs), 3),
          "memory of the first", round(pairs[0][0][1] / pairs[0][1][1], 3))


if __name__ == "__main__":
    main()
