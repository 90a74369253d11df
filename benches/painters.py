#!/usr/bin/env python3
"""The painters at their full size, with random weights, beside diffusers and transformers in PyTorch eager in the same run.

    cargo build --release -p synchresis-models --example time
    venv/bin/python benches/painters.py --time target/release/examples/time --ort target/onnxruntime/libonnxruntime.so \
        [--only captions,vae,prior,embedding,decoder] [--scratch DIR] [--rounds N] [--steps N] [--side PIXELS]

Compute does not depend on weights' values. Ours and theirs are two processes that take turns (see models.py); `step` is one step of a prior
or a decoder, `run` of `vae` one picture of 768 x 768, of `captions` four windows of ten seconds to the longest caption. Weights are made in
the scratch folder (captions 0.6 GB, vae 0.4 GB, prior 4 GB, embedding 14 GB, decoder 5 GB in single precision) and removed again.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "../tests/reference")]
from models import Side, compare, theirs  # noqa: E402


def fresh(folder):
    """Whether its weights are to be written."""
    if folder.exists():
        return False
    folder.mkdir(parents=True)
    return True


def reference():
    """tests/reference/painters.py, whose name is this file's too."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("painters_reference", HERE / "../tests/reference/painters.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def captions(folder, options):
    """A window of ten seconds of LP-MusicCaps, up to the longest caption: four together, as both take them."""
    import torch
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
    if fresh(folder):
        torch.save({"state_dict": state}, folder / "transfer.pth")
        (folder / "vocab.json").write_text(json.dumps({f"w{i}": i for i in range(50265)}))
    yield "load"
    while True:
        x = torch.nn.functional.gelu(front["conv1"](torch.randn(4, 128, 1001)))
        for conv in front["conv_stack"]:
            x = torch.nn.functional.gelu(conv(x))
        encoded = bart.model.encoder(inputs_embeds=x.permute(0, 2, 1))
        bart.generate(encoder_outputs=encoded, decoder_input_ids=torch.full((4, 1), 2), num_beams=5, max_length=128, min_length=2)
        yield "run"


def vae(folder, options):
    """A picture of 768 x 768 out of the latents of Stable Diffusion's autoencoder."""
    import torch
    from diffusers import AutoencoderKL
    net = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
                        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4).eval()
    if fresh(folder):
        net.save_pretrained(folder)
    yield "load"
    while True:
        net.decode(torch.randn(1, 4, options.side // 8, options.side // 8))
        yield "run"


def prior(folder, options):
    """A step of the prior with guidance and a negative prompt: theirs runs four texts, of which ours leaves out the one that is two alike.
    CLIP's towers are small, since they are not what is timed."""
    painters = reference()
    import torch
    from diffusers import KandinskyV22PriorPipeline, PriorTransformer, UnCLIPScheduler
    painters.WIDTH, painters.TOKENS = 1280, 77
    net = PriorTransformer(num_attention_heads=32, attention_head_dim=64, num_layers=20, embedding_dim=1280, num_embeddings=77,
                           additional_embeddings=4).eval()
    if fresh(folder):
        tok = painters.tokenizer()
        text, image, processor = painters.towers(tok, 1280)
        KandinskyV22PriorPipeline(prior=net, image_encoder=image, text_encoder=text, tokenizer=tok, image_processor=processor,
                                  scheduler=UnCLIPScheduler(prediction_type="sample")).save_pretrained(folder)
    yield "load"
    while True:
        yield "begin"
        for i in range(options.steps):
            net(torch.randn(4, 1280), 500, torch.randn(4, 1280), torch.randn(4, 77, 1280), torch.ones(4, 77).bool())
            yield "step" if i + 1 < options.steps else "run"


def embedding(folder, options):
    """The prior's pipeline whole, with both towers of CLIP ViT-bigG/14: from words and a picture to the embedding of another, as both
    projects' users ask for it. Another picture each time, and the black one to keep away from."""
    painters = reference()
    import numpy
    import torch
    from diffusers import KandinskyV22PriorPipeline, PriorTransformer, UnCLIPScheduler
    from PIL import Image
    from transformers import (CLIPImageProcessor, CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig,
                              CLIPVisionModelWithProjection)
    if fresh(folder):
        painters.TOKENS = 77
        tok = painters.tokenizer()
        KandinskyV22PriorPipeline(
            prior=PriorTransformer(num_attention_heads=32, attention_head_dim=64, num_layers=20, embedding_dim=1280, num_embeddings=77,
                                   additional_embeddings=4),
            text_encoder=CLIPTextModelWithProjection(CLIPTextConfig(
                hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", projection_dim=1280,
                bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id, pad_token_id=1)),
            image_encoder=CLIPVisionModelWithProjection(CLIPVisionConfig(
                hidden_size=1664, intermediate_size=8192, num_hidden_layers=48, num_attention_heads=16, patch_size=14, hidden_act="gelu",
                projection_dim=1280)),
            tokenizer=tok, image_processor=CLIPImageProcessor(), scheduler=UnCLIPScheduler(prediction_type="sample")).save_pretrained(folder)
    if options.prepare:
        yield "load"
    pipe = KandinskyV22PriorPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    pixels = numpy.random.default_rng(1)
    yield "load"
    while True:
        picture = Image.fromarray(pixels.integers(0, 256, (224, 224, 3), numpy.uint8))
        pipe.interpolate(["rain over the harbour", picture], [0.3, 0.7], num_inference_steps=options.steps)
        yield "run"


def decoder(folder, options):
    """A step of the decoder at 768 x 768 with guidance, and the picture of its latents."""
    import torch
    from diffusers import DDPMScheduler, KandinskyV22Pipeline, UNet2DConditionModel, VQModel
    net = UNet2DConditionModel(
        in_channels=4, out_channels=8, addition_embed_type="image", down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3,
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 3 + ("ResnetUpsampleBlock2D",), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        block_out_channels=(384, 768, 1152, 1536), encoder_hid_dim=1280, encoder_hid_dim_type="image_proj", cross_attention_dim=768, attention_head_dim=64,
        resnet_time_scale_shift="scale_shift", layers_per_block=3).eval()
    movq = VQModel(in_channels=3, out_channels=3, latent_channels=4, num_vq_embeddings=16384, vq_embed_dim=4, norm_type="spatial",
                   block_out_channels=(128, 256, 256, 512), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 3 + ("AttnDownEncoderBlock2D",),
                   up_block_types=("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 3).eval()
    if fresh(folder):
        KandinskyV22Pipeline(unet=net, movq=movq, scheduler=DDPMScheduler(variance_type="learned_range")).save_pretrained(folder)
    yield "load"
    while True:
        yield "begin"
        for _ in range(options.steps):
            net(torch.randn(2, 4, options.side // 8, options.side // 8), 500, None, added_cond_kwargs={"image_embeds": torch.randn(2, 1280)})
            yield "step"
        movq.decode(torch.randn(1, 4, options.side // 8, options.side // 8), force_not_quantize=True)
        yield "run"


PARTS = {"captions": captions, "vae": vae, "prior": prior, "embedding": embedding, "decoder": decoder}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=pathlib.Path, required=True)
    parser.add_argument("--ort", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("/var/tmp/synchresis-benches"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--side", type=int, default=768, help="side of the pictures, pixels")
    parser.add_argument("--keep", action="store_true", help="leave the weights in the scratch folder")
    parser.add_argument("--cold", action="store_true", help="count the first run too: for a machine on which one takes minutes")
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        theirs(PARTS, options)
        return
    for name in options.only.split(","):
        torch = [sys.executable, __file__, *sys.argv[1:], "--torch", name]
        try:
            subprocess.run([*torch, "--prepare"], check=True, stdout=subprocess.DEVNULL)
            beside, ours = Side(torch), Side([options.time, name, options.ort, options.scratch / name, options.steps, options.side])
            if not options.cold:
                beside.run(counted=False)
            compare(name, ours, beside, options)
            ours.end()
            beside.end()
        finally:
            if not options.keep:
                shutil.rmtree(options.scratch / name, ignore_errors=True)


if __name__ == "__main__":
    main()
