#!/usr/bin/env python3
"""What diffusers computes with the blocks that all diffusion models share: small outputs for the model room's tests.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.23.0 accelerate numpy safetensors
    venv/bin/python tests/reference/diffusion.py --out crates/models/tests/fixtures

Weights are not stored: they are numbers drawn from each tensor's name, here and in the tests (crates/models/src/parity.rs).
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors.numpy import save_file

from eyes import sample, tensor

LEFT_AS_THEY_ARE = ("logit_scale_a", "logit_scale_t", "mean", "scale")


def fill(module, gain=3.0):
    """Draws every weight from its name; of two names for one tensor the one that is saved counts."""
    state = module.state_dict()
    for name, old in state.items():
        if old.dtype == torch.float32 and name not in LEFT_AS_THEY_ARE and not name.endswith("embed_tokens.weight"):
            old.copy_(torch.from_numpy(tensor(name, tuple(old.shape), gain=gain)))
    return module.eval()


def words(config):
    """A configuration as its file has it."""
    text = config if isinstance(config, str) else json.dumps(config)
    return np.frombuffer(text.encode(), dtype=np.uint8).copy()


def drawn(name, shape, low=-1.0, high=1.0):
    return torch.from_numpy(tensor(name, shape, (low, high)))


SCHEDULES = {
    "ddim": (DDIMScheduler, dict(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False,
                                 set_alpha_to_one=False, steps_offset=1)),
    "ddim-v": (DDIMScheduler, dict(prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True)),
    "ddim-x": (DDIMScheduler, dict(prediction_type="sample", timestep_spacing="linspace", beta_schedule="squaredcos_cap_v2")),
    "dpm": (DPMSolverMultistepScheduler, dict(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear",
                                              timestep_spacing="leading", steps_offset=1)),
    "dpm-karras": (DPMSolverMultistepScheduler, dict(beta_schedule="scaled_linear", use_karras_sigmas=True)),
    "dpm-third": (DPMSolverMultistepScheduler, dict(solver_order=3, final_sigmas_type="sigma_min")),
    "dpm-heun": (DPMSolverMultistepScheduler, dict(solver_type="heun", timestep_spacing="trailing", prediction_type="v_prediction",
                                                   use_lu_lambdas=True)),
}


def schedules():
    out = {}
    for name, (kind, config) in SCHEDULES.items():
        for steps in (5, 25):
            scheduler = kind(**config)
            scheduler.set_timesteps(steps)
            x = drawn("start", (1, 2, 3, 4), -2.0, 2.0)
            for i, t in enumerate(scheduler.timesteps):
                # What a model would say has something to do with where the sample is.
                said = 0.7 * x + drawn(f"said{i}", (1, 2, 3, 4), -0.5, 0.5)
                x = scheduler.step(said, t, x).prev_sample
            out[f"{name}.{steps}"] = x.numpy()
            out[f"{name}.{steps}.timesteps"] = scheduler.timesteps.numpy().astype(np.int64)
        out[f"{name}.config"] = words(scheduler.to_json_string())
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    stored = schedules()
    with torch.no_grad():
        vae = fill(AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 32, 32), layers_per_block=1,
                                 norm_num_groups=8, down_block_types=("DownEncoderBlock2D",) * 3,
                                 up_block_types=("UpDecoderBlock2D",) * 3))
        stored["vae.config"] = words(vae.to_json_string())
        stored["vae.picture"] = sample(vae.decode(drawn("latents", (2, 4, 5, 7), -2.0, 2.0)).sample.numpy())
        posterior = vae.encode(drawn("picture", (1, 3, 24, 20))).latent_dist
        stored["vae.mean"] = posterior.mean.numpy()
        stored["vae.deviation"] = posterior.std.numpy()
        unet = fill(UNet2DConditionModel(sample_size=8, block_out_channels=(16, 32), norm_num_groups=8, layers_per_block=1,
                                         down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                                         up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=12,
                                         attention_head_dim=(2, 4), use_linear_projection=True))
        stored["unet.config"] = words(unet.to_json_string())
        said = unet(drawn("sample", (2, 4, 7, 6), -2.0, 2.0), 321, drawn("context", (2, 5, 12))).sample
        stored["unet.said"] = said.numpy()
    for name, value in stored.items():
        if value.dtype == np.float32:
            print(name, value.shape, float(np.abs(value).mean()))
    save_file(stored, options.out / "diffusion.safetensors")


if __name__ == "__main__":
    main()
