#!/usr/bin/env python3
"""llama.cpp's own server with a small vision model of random numbers, and `describe` asking it.

    python3 -m venv venv && venv/bin/pip install xllamacpp==2026.10.11549 gguf==0.19.0 numpy
    venv/bin/python tests/reference/llama_server.py --binary target/release/synchresis --image PICTURE

The PyPI package xllamacpp (MIT) carries llama.cpp with its HTTP server. The model is LLaVA's kind: a language model of two layers and CLIP's
picture tower of two with a projection, written by the package gguf. What it says is noise; that it is asked, sees a picture, answers,
and refuses, is not.
"""
import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import gguf
import numpy as np

WIDTH, INNER, LAYERS, HEADS = 64, 128, 2, 4
SIDE, PATCH = 56, 14
WORDS = ["▁rain", "▁night", "▁a", "▁the", "▁street", "▁calm", "▁blue", "▁dog", "▁and", "▁slow", "▁drums", "▁piano"]
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


class File:
    def __init__(self, path, architecture, seed):
        self.writer, self.random = gguf.GGUFWriter(path, architecture), np.random.default_rng(seed)

    def tensor(self, name, *shape):
        if len(shape) == 1 and name.endswith("weight"):
            numbers = np.ones(shape)
        else:
            numbers = self.random.normal(0, 0.6 / max(1, shape[-1]) ** 0.5, shape)
        self.writer.add_tensor(name, numbers.astype(np.float32))

    def layer(self, name, to, of, bias=True):
        self.tensor(f"{name}.weight", to, of)
        if bias:
            self.tensor(f"{name}.bias", to)

    def norm(self, name):
        self.tensor(f"{name}.weight", WIDTH)
        self.tensor(f"{name}.bias", WIDTH)

    def close(self):
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_tensors_to_file()
        self.writer.close()


def language(path):
    file = File(path, "llama", 1)
    w = file.writer
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + WORDS + ["▁"]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    w.add_name("noise")
    w.add_context_length(2048)
    w.add_embedding_length(WIDTH)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(INNER)
    w.add_head_count(HEADS)
    w.add_head_count_kv(HEADS)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_dimension_count(WIDTH // HEADS)
    w.add_vocab_size(len(tokens))
    w.add_tokenizer_model("llama")
    w.add_token_list(tokens)
    w.add_token_scores([0.0] * len(tokens))
    w.add_token_types(kinds)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)
    w.add_chat_template(TEMPLATE)
    file.tensor("token_embd.weight", len(tokens), WIDTH)
    file.tensor("output_norm.weight", WIDTH)
    output = file.random.normal(0, 1, (len(tokens), WIDTH))
    # Words alone, and the end never.
    output[: len(tokens) - len(WORDS) - 1] = 0
    file.writer.add_tensor("output.weight", output.astype(np.float32))
    for i in range(LAYERS):
        at = f"blk.{i}"
        file.tensor(f"{at}.attn_norm.weight", WIDTH)
        file.tensor(f"{at}.ffn_norm.weight", WIDTH)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            file.layer(f"{at}.{name}", WIDTH, WIDTH, bias=False)
        for name, to, of in (("ffn_gate", INNER, WIDTH), ("ffn_up", INNER, WIDTH), ("ffn_down", WIDTH, INNER)):
            file.layer(f"{at}.{name}", to, of, bias=False)
    file.close()


def picture_tower(path):
    file = File(path, "clip", 2)
    w = file.writer
    w.add_type("mmproj")
    w.add_bool("clip.has_vision_encoder", True)
    w.add_string("clip.projector_type", "mlp")
    w.add_bool("clip.use_gelu", False)
    for name, number in (("image_size", SIDE), ("patch_size", PATCH), ("embedding_length", WIDTH), ("feed_forward_length", INNER),
                         ("projection_dim", WIDTH), ("block_count", LAYERS), ("attention.head_count", HEADS)):
        w.add_uint32(f"clip.vision.{name}", number)
    w.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    w.add_array("clip.vision.image_mean", [0.48, 0.46, 0.41])
    w.add_array("clip.vision.image_std", [0.27, 0.26, 0.28])
    file.tensor("v.patch_embd.weight", WIDTH, 3, PATCH, PATCH)
    file.tensor("v.class_embd", WIDTH)
    file.tensor("v.position_embd.weight", (SIDE // PATCH) ** 2 + 1, WIDTH)
    file.norm("v.pre_ln")
    for i in range(LAYERS):
        at = f"v.blk.{i}"
        file.norm(f"{at}.ln1")
        file.norm(f"{at}.ln2")
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            file.layer(f"{at}.{name}", WIDTH, WIDTH)
        file.layer(f"{at}.ffn_up", INNER, WIDTH)
        file.layer(f"{at}.ffn_down", WIDTH, INNER)
    file.layer("mm.0", WIDTH, WIDTH)
    file.layer("mm.2", WIDTH, WIDTH)
    file.close()


def serve(folder, sees=True):
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "language.gguf")
    if sees:
        params.mmproj.path = str(folder / "tower.gguf")
    params.n_ctx, params.n_parallel, params.n_gpu_layers, params.port, params.warmup = 2048, 1, 0, 0, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.model_alias = {"noise"}
    params.api_keys = ["sesame"]
    params.chat_template = TEMPLATE
    return xllamacpp.Server(params)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--image", type=pathlib.Path, required=True)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="synchresis-llama-"))
    language(folder / "language.gguf")
    picture_tower(folder / "tower.gguf")
    server = serve(folder)

    def ask(key, image=options.image, at=server.listening_address):
        words = [options.binary, "describe", image, "--describe", f"openai={at}/v1#noise", "--json", "--no-cache"]
        ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300,
                             env={**os.environ, "SYNCHRESIS_OPENAI_KEY": key})
        return ran.returncode, ran.stdout, ran.stderr

    def said(out):
        text = json.loads(out)["frame_description"]["description"]
        assert text and set(text.split()) <= {word.lstrip("▁") for word in WORDS}, text
        return text

    code, out, err = ask("sesame")
    assert code == 0, err
    print("said:", said(out)[:72])
    dark = folder / "dark.ppm"
    dark.write_bytes(b"P6 96 64 255\n" + bytes(96 * 64 * 3))
    png = folder / "dark.png"
    subprocess.run(["ffmpeg", "-v", "error", "-i", dark, png], check=True)
    code, out, err = ask("sesame", image=png)
    assert code == 0, err
    print("of darkness:", said(out)[:72])
    code, _, err = ask("wrong")
    assert code != 0 and "401" in err and "hint:" in err and "sesame" not in err, err
    print("with a wrong key:", err.strip())
    blind = serve(folder, sees=False)
    code, _, err = ask("sesame", at=blind.listening_address)
    assert code != 0 and "hint:" in err, err
    print("of a model that sees nothing:", err.strip())
    gone = blind.listening_address
    del blind
    code, _, err = ask("sesame", at=gone)
    assert code != 0 and "hint:" in err, err
    print("of a server that is gone:", err.strip())
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
