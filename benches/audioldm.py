#!/usr/bin/env python3
"""AudioLDM2's base size with random weights: our `generate` beside diffusers eager, in interleaved pairs, and what bounds both.

    venv/bin/python benches/audioldm.py --synchresis target/release/synchresis --ort-lib libonnxruntime.so --steps 10 --pairs 3

The sizes are those of cvssp/audioldm2 (U-Net, autoencoder, vocoder, CLAP, FLAN-T5 large's encoder, GPT-2); compute does not depend on the
values of weights. The tokenizers are the small ones of tests/reference/audioldm.py. Needs about 12 GB of memory and 5 GB of disk.

Every figure is taken as wall time and as processor time (user and system, all threads); on a machine where others work, only the ratio of
processor times means something. Steps: of a step after the first, from its beginning to its end; ours by what `-vvv` says.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests/reference"))
PROMPT, NEGATIVE = "fast techno, a choir sings", "low quality, average quality, bad quality, poor quality"
SECONDS = 10.0


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


def processor(pid):
    """User and system seconds of a process that runs."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command, stream, marks):
    """Wall and processor seconds and peak gigabytes of a command, and (wall, processor) at each of its lines that names a mark."""
    began = time.time()
    child = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace")
    at, rest = [], []
    lines, other = (child.stderr, child.stdout) if stream == "stderr" else (child.stdout, child.stderr)
    drain = threading.Thread(target=lambda: rest.append(other.read()))
    drain.start()
    for line in lines:
        rest.append(line)
        mark = next((mark for mark in marks if mark in line), None)
        if mark:
            at.append((mark, time.time() - began, processor(child.pid)))
    drain.join()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit("".join(rest)[-3000:])
    return {"wall": time.time() - began, "cpu": used.ru_utime + used.ru_stime, "gb": used.ru_maxrss / 1e6}, at


def between(at, begin, end, skip=0):
    """Wall and processor seconds of each stretch from a line with `begin` to the next with `end`, but for the first `skip`."""
    stretches, open_at = [], None
    for mark, wall, cpu in at:
        if mark == begin:
            open_at = (wall, cpu)
        elif mark == end and open_at:
            stretches.append((wall - open_at[0], cpu - open_at[1]))
            open_at = None
    stretches = stretches[skip:] or stretches
    return {"wall": statistics.median(s[0] for s in stretches), "cpu": statistics.median(s[1] for s in stretches)}


THEIRS = """
import sys, time, torch
say = lambda mark: print(mark, flush=True)
torch.set_num_threads({threads})
from diffusers import AudioLDM2Pipeline
pipe = AudioLDM2Pipeline.from_pretrained({folder!r})
pipe.set_progress_bar_config(disable=True)
def around(module, name, method="forward"):
    inner = getattr(module, method)
    def outer(*args, **kwargs):
        say(name + ": running"); out = inner(*args, **kwargs); say(name + ": ran"); return out
    setattr(module, method, outer)
around(pipe.unet, "U-Net"); around(pipe.vocoder, "HiFi-GAN"); around(pipe.vae, "AutoencoderKL", "decode")
pipe({prompt!r}, negative_prompt={negative!r}, num_inference_steps={steps}, guidance_scale=3.5, audio_length_in_s={seconds},
     generator=torch.Generator("cpu").manual_seed(1))
"""
PARTS = ["U-Net", "HiFi-GAN", "AutoencoderKL"]
MARKS = [f"{part}: {what}" for part in PARTS for what in ("running", "ran")]


def figures(whole, at):
    out = {"whole": whole, "step": between(at, "U-Net: running", "U-Net: ran", 1), "vocoder": between(at, "HiFi-GAN: running", "HiFi-GAN: ran"),
           "decoder": between(at, "AutoencoderKL: running", "AutoencoderKL: ran")}
    first = next((mark for mark in at if mark[0] == "U-Net: ran"))
    out["first step"] = {"wall": first[1], "cpu": first[2]}
    return out


def theirs(folder, steps, threads):
    code = THEIRS.format(threads=threads, folder=str(folder), prompt=PROMPT, negative=NEGATIVE, steps=steps, seconds=SECONDS)
    return figures(*run([sys.executable, "-c", code], "stdout", MARKS))


def ours(binary, library, folder, steps, threads):
    with tempfile.TemporaryDirectory() as out:
        command = [binary, "generate", "--music", f"audioldm2={folder}", "--prompt", PROMPT, "--negative-prompt", NEGATIVE, "--seed", "1",
                   "--steps", str(steps), "--guidance", "3.5", "--seconds", str(SECONDS), "--scheduler", "ddim", "--threads", str(threads),
                   "--ort-lib", library, "-vvv", "-o", f"{out}/o.wav"]
        return figures(*run(command, "stderr", MARKS))


ROOF = """
import time, torch
torch.set_num_threads({threads})
a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
torch.mm(a, b)
wall, cpu, n = time.time(), time.process_time(), 0
while time.process_time() - cpu < 8:
    torch.mm(a, b); n += 1
print(n * 2 * 2048**3 / (time.time() - wall) / 1e9, n * 2 * 2048**3 / (time.process_time() - cpu) / 1e9)
"""


def operations(folder):
    """Multiplications and additions of one U-Net step (two samples), by torch's own counter."""
    code = f"""
import json, torch
from torch.utils.flop_counter import FlopCounterMode
from diffusers import AudioLDM2UNet2DConditionModel
with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
    unet = AudioLDM2UNet2DConditionModel.from_config(json.load(open({str(folder / "unet/config.json")!r})))
    unet(torch.randn(2, 8, 250, 16), torch.tensor(1), encoder_hidden_states=torch.randn(2, 8, 768),
         encoder_hidden_states_1=torch.randn(2, 24, 1024), encoder_attention_mask_1=torch.ones(2, 24))
print(counter.get_total_flops() / 1e9)
"""
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synchresis", required=True)
    parser.add_argument("--ort-lib", required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, help="kept between runs")
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp())
    if not (folder / "model_index.json").is_file():
        build(folder)
    mine, others = [], []
    for _ in range(options.pairs):
        mine.append(ours(options.synchresis, options.ort_lib, folder, options.steps, options.threads))
        print(json.dumps({"ours": mine[-1], "load": os.getloadavg()[0]}), flush=True)
        others.append(theirs(folder, options.steps, options.threads))
        print(json.dumps({"theirs": others[-1], "load": os.getloadavg()[0]}), flush=True)
    middle = lambda of: statistics.median(map(of, zip(mine, others)))
    print(f"{'':>18} {'ours':>8} {'theirs':>8} {'ratio':>6}   processor seconds, then the ratio of wall times")
    for name in mine[0]:
        cpu = [middle(lambda p: p[i][name]["cpu"]) for i in (0, 1)]
        ratio = [middle(lambda p: p[0][name][kind] / max(p[1][name][kind], 1e-9)) for kind in ("cpu", "wall")]
        print(f"{name:>18} {cpu[0]:8.2f} {cpu[1]:8.2f} {ratio[0]:6.3f}   {ratio[1]:.3f}")
    gb = [middle(lambda p: p[i]["whole"]["gb"]) for i in (0, 1)]
    print(f"{'peak memory, GB':>18} {gb[0]:8.2f} {gb[1]:8.2f} {gb[0] / gb[1]:6.3f}")
    roof = [float(x) for x in subprocess.run([sys.executable, "-c", ROOF.format(threads=options.threads)], capture_output=True, text=True,
                                             check=True).stdout.split()]
    work = operations(folder)
    step = middle(lambda p: p[0]["step"]["cpu"])
    print(f"roof: square products of 2048 reach {roof[0]:.0f} GFLOP/s, {roof[1]:.0f} a processor second; a step of two samples has {work:.0f} GFLOP "
          f"and reaches {work / step:.0f} a processor second, {100 * work / step / roof[1]:.0f} % of that")


if __name__ == "__main__":
    main()
