#!/usr/bin/env python3
"""The painters at their full size, with random weights, beside PyTorch eager in the same run: what a step costs, as a ratio.

    venv/bin/python benches/painters.py --binary target/release/synchresis --ort-lib FILE --scratch DIR [--parts captions,vae,prior,decoder]

Compute does not depend on weights' values. Each command is run with few and with many windows, frames or steps, so that loading and
reading fall out: the difference is what one more costs. Weights are made in the scratch folder (captions 0.6 GB, vae 0.4 GB, prior
9 GB, decoder 6 GB in single precision) and removed again. Ours and theirs take turns; medians are told.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time
import wave

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../tests/reference"))


# Wall time, or with --processor-time what the processors were busy with, which others on the machine do not lengthen.
PROCESSOR = False


def now():
    if not PROCESSOR:
        return time.monotonic()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(work):
    begin = now()
    work()
    return now() - begin


class Ours:
    def __init__(self, options):
        self.options = options

    def __call__(self, *words):
        o = self.options
        command = [o.binary, *map(str, words), "--ort-lib", o.ort_lib, "--no-cache", "--threads", o.threads, "--quiet"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)

    def each(self, few, many, more):
        """Seconds of one more of what `many` has `more` of beyond `few`."""
        return (timed(lambda: self(*many)) - timed(lambda: self(*few))) / more


def song(path, seconds):
    noise = (np.random.default_rng(0).standard_normal(seconds * 16000) * 3000).astype("<i2")
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(noise.tobytes())
    return path


def captions(ours, scratch):
    """A window of ten seconds of LP-MusicCaps, up to the longest caption: four together, as both take them."""
    from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig
    config = BartConfig(vocab_size=50265, d_model=768, encoder_layers=6, decoder_layers=6, encoder_attention_heads=12, decoder_attention_heads=12,
                        encoder_ffn_dim=3072, decoder_ffn_dim=3072, max_position_embeddings=1024)
    bart = BartForConditionalGeneration(config).eval()
    bart.generation_config = GenerationConfig(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_bos_token_id=0,
                                              forced_eos_token_id=2, no_repeat_ngram_size=3, early_stopping=True)
    front = torch.nn.ModuleDict({"conv1": torch.nn.Conv1d(128, 768, 3, padding=1),
                                 "conv_stack": torch.nn.ModuleList(torch.nn.Conv1d(768, 768, 3, 2, 1) for _ in range(5))})
    # No caption of random words ends before the longest length.
    bart.final_logits_bias[0, 2] = -1e4
    state = {f"audio_encoder.{k}": v for k, v in front.state_dict().items()} | {f"bart.{k}": v for k, v in bart.state_dict().items()}
    state["audio_encoder.positional_embedding"] = torch.zeros(32, 768)
    folder = scratch / "captions"
    folder.mkdir()
    torch.save({"state_dict": state}, folder / "transfer.pth")
    (folder / "vocab.json").write_text(json.dumps({f"w{i}": i for i in range(50265)}))
    one, nine = song(scratch / "four.wav", 40), song(scratch / "twelve.wav", 120)
    describe = lambda path: ("describe", path, "--caption", f"lp-musiccaps={folder}", "--json")

    def theirs():
        with torch.no_grad():
            x = torch.nn.functional.gelu(front["conv1"](torch.randn(4, 128, 1001)))
            for conv in front["conv_stack"]:
                x = torch.nn.functional.gelu(conv(x))
            encoded = bart.model.encoder(inputs_embeds=x.permute(0, 2, 1))
            bart.generate(encoder_outputs=encoded, decoder_input_ids=torch.full((4, 1), 2), num_beams=5, max_length=128, min_length=2)
    yield lambda: ours.each(describe(one), describe(nine), 8), lambda: timed(theirs) / 4


def vae(ours, scratch):
    """A picture of 768 × 768 out of the latents of Stable Diffusion's autoencoder, through `film`: the encoder of the film runs beside it."""
    from diffusers import AutoencoderKL
    net = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
                        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4).eval()
    net.save_pretrained(scratch / "vae")
    from PIL import Image
    for name, seed in (("a", 1), ("b", 2)):
        Image.fromarray(np.random.default_rng(seed).integers(0, 255, (96, 96, 3), dtype=np.uint8)).resize((768, 768)).save(scratch / f"{name}.png")
    # Two sections of two seconds: at one and at three frames a second, with the last section's picture shown alone.
    four = song(scratch / "song.wav", 4)
    film = lambda fps: ("film", four, scratch / "a.png", scratch / "b.png", "-o", scratch / "film.mp4", "--force", "--transition", f"latent={scratch / 'vae'}",
                        "--look", "seed", "--pace", "linear", "--section-seconds", 2, "--fps", fps, "--size", "768x768")

    def theirs():
        with torch.no_grad():
            net.decode(torch.randn(1, 4, 96, 96))
    # Of the four more frames that three a second have in the first section, each is another.
    yield lambda: ours.each(film(1), film(3), 4), lambda: timed(theirs)


def kandinsky(scratch):
    """Both folders at full size; CLIP's towers small, since they are not what is timed."""
    import painters
    from diffusers import DDPMScheduler, KandinskyV22Pipeline, KandinskyV22PriorPipeline, PriorTransformer, UNet2DConditionModel, UnCLIPScheduler, VQModel
    painters.WIDTH, painters.TOKENS = 1280, 77
    tok = painters.tokenizer()
    text, image, processor = painters.towers(tok, 1280)
    prior = PriorTransformer(num_attention_heads=32, attention_head_dim=64, num_layers=20, embedding_dim=1280, num_embeddings=77,
                             additional_embeddings=4).eval()
    unet = UNet2DConditionModel(
        in_channels=4, out_channels=8, addition_embed_type="image", down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3,
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 3 + ("ResnetUpsampleBlock2D",), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=(384, 768, 1152, 1536), encoder_hid_dim=1280, encoder_hid_dim_type="image_proj", cross_attention_dim=768, attention_head_dim=64,
        resnet_time_scale_shift="scale_shift", layers_per_block=3).eval()
    movq = VQModel(in_channels=3, out_channels=3, latent_channels=4, num_vq_embeddings=16384, vq_embed_dim=4, norm_type="spatial",
                   block_out_channels=(128, 256, 256, 512), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
                   up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3).eval()
    KandinskyV22PriorPipeline(prior=prior, image_encoder=image, text_encoder=text, tokenizer=tok, scheduler=UnCLIPScheduler(prediction_type="sample"),
                              image_processor=processor).save_pretrained(scratch / "kandinsky/prior")
    KandinskyV22Pipeline(unet=unet, movq=movq, scheduler=DDPMScheduler(variance_type="learned_range")).save_pretrained(scratch / "kandinsky/decoder")
    return prior, unet


def paint(scratch, prior_steps, steps, size):
    return ("paint", "--painter", f"kandinsky={scratch / 'kandinsky'}", "--prompt", "rain", "--negative-prompt", "fog", "--prior-steps", prior_steps,
            "--steps", steps, "--size", size, "-o", scratch / "out.png", "--force")


def prior(ours, scratch):
    """A step of the prior with guidance and a negative prompt: theirs runs four texts, of which ours leaves out the one that is two alike."""
    net, _ = kandinsky(scratch)

    def theirs():
        with torch.no_grad():
            net(torch.randn(4, 1280), 500, torch.randn(4, 1280), torch.randn(4, 77, 1280), torch.ones(4, 77).bool())
    yield lambda: ours.each(paint(scratch, 2, 1, "64x64"), paint(scratch, 12, 1, "64x64"), 10), lambda: timed(theirs)


def decoder(ours, scratch):
    """A step of the decoder at 768 × 768 with guidance."""
    _, net = kandinsky(scratch)

    def theirs():
        with torch.no_grad():
            net(torch.randn(2, 4, 96, 96), 500, None, added_cond_kwargs={"image_embeds": torch.randn(2, 1280)})
    yield lambda: ours.each(paint(scratch, 2, 1, "768x768"), paint(scratch, 2, 3, "768x768"), 2), lambda: timed(theirs)


PARTS = {"captions": captions, "vae": vae, "prior": prior, "decoder": decoder}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--ort-lib", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, required=True, help="a folder with room for the weights")
    parser.add_argument("--parts", default="captions,vae")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processor-time", action="store_true", help="seconds of processors instead of the wall's")
    options = parser.parse_args()
    global PROCESSOR
    PROCESSOR = options.processor_time
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    found = {"threads": options.threads, "torch": torch.__version__, "processor_time": PROCESSOR}
    for name in options.parts.split(","):
        scratch = options.scratch / f"painters-{name}"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            for ours, theirs in PARTS[name](Ours(options), scratch):
                theirs()
                pairs = [(ours(), theirs()) for _ in range(options.rounds)]
                a, b = (statistics.median(side) for side in zip(*pairs))
                found[name] = {"ours_s": round(a, 3), "theirs_s": round(b, 3), "ratio": round(a / b, 2)}
                print(name, found[name], file=sys.stderr)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
