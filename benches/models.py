#!/usr/bin/env python3
"""The engines beside PyTorch, eager, in one run: full size, numbers that mean nothing (compute does not depend on them), two threads.

    cargo build --release -p synchresis-models --example time
    venv/bin/python benches/models.py --time target/release/examples/time --ort target/onnxruntime/libonnxruntime.so \
        [--yolo CHECKOUT] [--moondream CHECKOUT] [--only resnet18,clip] [--scratch DIR] [--rounds N]
    venv/bin/python benches/models.py --only cold --synchresis target/release/synchresis --clip CLIP --yolo CHECKOUT --ort …

beside what tests/reference/eyes.py, words.py and describe.py need. Ours and PyTorch's are two processes that take turns, each waiting
while the other runs; medians are told, of the wall's time and of the processors' (which others on the machine do not lengthen), and the
most memory that each process ever had. YOLOv9 and Moondream2 are left out where their references' checkouts are not named.

`cold` takes how much later than without eyes a first frame is recognised: `objects` with YOLOv9, from its start until the boxes of the first
frame are there, less the whole of `objects --objects none` beside it, in pairs. The stage cache is empty every time, and weights and ONNX
Runtime's library are put out of the system's memory of files first. Processor time leaves out a decoder that still runs. A clip of a minute is
what benches/score.py makes.
"""
import argparse
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/reference"))


def random_state(module, half=False):
    import torch
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
                value.fill_(1.0)
            elif value.ndim < 2:
                value.zero_()
            else:
                value.normal_(0, (2.0 / value[0].numel()) ** 0.5)
    return module.half().eval() if half else module.eval()


def save(module, path):
    from safetensors.torch import save_file
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        save_file({k: v.contiguous() for k, v in module.state_dict().items()}, path)


def resnet18(folder, options):
    import torch
    from torchvision.models import resnet18
    net = random_state(resnet18(weights=None))
    save(net, folder / "model.safetensors")
    body = torch.nn.Sequential(*list(net.children())[:-2])
    x = torch.rand(1, 3, 512, 512)
    yield "load"
    while True:
        body(x)
        yield "run"


def clip(folder, options):
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    net = random_state(CLIPVisionModelWithProjection(CLIPVisionConfig(projection_dim=512)))
    folder.mkdir(parents=True, exist_ok=True)
    save(net, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "clip_vision_model", "projection_dim": 512}))
    x = torch.rand(1, 3, 224, 224)
    yield "load"
    while True:
        net(x)
        yield "run"


def yolov9(folder, options):
    import torch
    from eyes import yolo_model
    net = random_state(yolo_model(options.yolo, "c").model)
    save(net, folder / "v9-c.safetensors")
    whole = yolo_model(options.yolo, "c").eval()
    x = torch.rand(1, 3, 640, 640)
    yield "load"
    while True:
        whole(x)
        yield "run"


def moondream2(folder, options):
    import shutil
    import torch
    from describe import Whole, package
    phi, vision, PhiConfig = package(options.moondream)
    config = PhiConfig(attn_implementation="eager")
    config.pad_token_id = None
    PhiConfig.rope_scaling = property(lambda self: None, lambda self, value: None)
    config.rope_theta = 10000.0
    phi.PhiForCausalLM._tied_weights_keys = {}
    phi.PhiPreTrainedModel._supports_sdpa = False
    path = folder / "model.safetensors"
    if path.exists():
        # What is read from a file is not drawn first.
        phi.PhiPreTrainedModel._init_weights = lambda self, module: None
        for name in ("kaiming_uniform_", "uniform_", "normal_", "trunc_normal_", "xavier_uniform_"):
            setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    model = Whole(vision.VisionTransformer(), phi.PhiForCausalLM(config))
    model.vision_encoder.projection = vision.VisionProjection()
    if path.exists():
        from safetensors import safe_open
        with safe_open(path, "pt") as file, torch.no_grad():
            for name, tensor in model.state_dict().items():
                tensor.copy_(file.get_tensor(name))
    else:
        save(random_state(model, half=True), path)
    model.float().eval()
    words = ROOT / "crates/models/tests/fixtures/tokens/gpt2"
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(words / name, folder)
    (folder / "config.json").write_text('{"model_type": "moondream1"}')
    text, caches = model.text_model, []

    def attend(self, hidden_states, position_ids=None, **_):
        """The attention of this revision with a memory that is a list: transformers' own has changed too much since."""
        q, k, v = (t.view(1, -1, self.num_heads, self.head_dim).transpose(1, 2) for t in self.Wqkv(hidden_states).chunk(3, -1))
        cos, sin = self.rotary_emb(v, seq_len=int(position_ids.max()) + 1)
        dim = self.rotary_emb.dim
        turned = phi.apply_rotary_pos_emb(q[..., :dim], k[..., :dim], cos, sin, position_ids)
        q, k = (torch.cat([a, b[..., dim:]], -1) for a, b in zip(turned, (q, k)))
        if caches[self.layer_idx] is not None:
            k, v = (torch.cat([a, b], 2) for a, b in zip(caches[self.layer_idx], (k, v)))
        caches[self.layer_idx] = (k, v)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=q.shape[2] > 1)
        return self.out_proj(y.transpose(1, 2).flatten(2)), None, None

    phi.PhiAttention.forward = attend

    def step(embeds, start):
        at = torch.arange(start, start + embeds.shape[1])[None]
        x = embeds
        for layer in text.transformer.h:
            x = layer(x, position_ids=at)[0]
        return text.lm_head(x[:, -1:])[0, -1].argmax()

    yield "load"
    while True:
        caches[:] = [None] * len(text.transformer.h)
        seen = model.vision_encoder.projection(model.vision_encoder.encoder.model["visual"](torch.rand(1, 729, 588)))
        embed = text.get_input_embeddings()
        embeds = torch.cat([embed(torch.zeros(1, 1, dtype=torch.long)), seen, embed(torch.zeros(1, 30, dtype=torch.long))], 1)
        token, length = step(embeds, 0), embeds.shape[1]
        yield "first"
        for i in range(options.tokens):
            token = step(embed(token.view(1, 1)), length + i)
        yield "run"


ENGINES = {"resnet18": resnet18, "clip": clip, "yolov9": yolov9, "moondream2": moondream2}


def theirs(engines, options):
    """The side of PyTorch: as examples/time.rs, a line for what is done, and a line to go on."""
    import torch
    torch.set_num_threads(2)
    with torch.no_grad():
        for done in engines[options.torch](options.scratch / options.torch, options):
            print(json.dumps({"done": done, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)
            if options.prepare or not sys.stdin.readline():
                return


class Side:
    """A process that runs when it is told to."""

    def __init__(self, command):
        self.began = time.perf_counter()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.heard()
        self.load, self.times = time.perf_counter() - self.began, {}

    def heard(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()}")
        told = json.loads(line)
        self.peak = told["peak"]
        return told["done"]

    def processors(self):
        """Seconds that all its threads ran, those that have ended too."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    def run(self, counted=True):
        done = None
        while done != "run":
            wall, processors = time.perf_counter(), self.processors()
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            done = self.heard()
            if counted:
                self.times.setdefault(done, []).append((time.perf_counter() - wall, self.processors() - processors))

    def middle(self, what, which):
        return statistics.median(pair[which] for pair in self.times[what])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(name, ours, theirs, options):
    theirs.times = {}
    if not options.cold:
        ours.run(counted=False)
    for _ in range(options.rounds):
        ours.run()
        theirs.run()
    found = {"load_s": round(ours.load, 2), "load": os.getloadavg()[0]}
    for what in ours.times:
        if what == "begin":
            continue
        each = options.tokens if what == "run" and "first" in ours.times else 1
        for which, kind in enumerate(["wall", "processor"]):
            a, b = (side.middle(what, which) / each for side in (ours, theirs))
            label = "token" if each > 1 else what
            found[f"{label}_{kind}"] = f"{a:.3f} / {b:.3f} s = {a / b:.2f}"
    found["peak"] = f"{ours.peak / 1e9:.2f} / {theirs.peak / 1e9:.2f} GB = {ours.peak / theirs.peak:.2f}"
    print(name, json.dumps(found, indent=1), flush=True)


def detector(folder, checkout, size):
    """YOLOv9's weights with few boxes in them, as photographs have few."""
    import torch
    from eyes import yolo_model
    path = folder / f"v9-{size}.safetensors"
    if not path.exists():
        net = random_state(yolo_model(checkout, size).model)
        with torch.no_grad():
            for name, value in net.named_parameters():
                if "class_conv.2." in name:
                    value.fill_(-7.0) if name.endswith("bias") else value.mul_(0.1)
        save(net, path)
    return path


def forgotten(path):
    """Puts a file out of the system's memory, as if it had not been read since the machine was started."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def started(options, objects, until=None):
    """Seconds of the clock and of the processors, children and all, of `objects` up to a line with `until`, or to its end; and what it
    told on the way, with the second it did."""
    with tempfile.TemporaryDirectory() as cache:
        command = [options.synchresis, "--cache-dir", cache, "objects", options.clip, "--objects", objects, "--ort-lib", options.ort, "-vvv",
                   "--json"]
        began, told = time.perf_counter(), []
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in child.stderr:
            told.append((time.perf_counter() - began, line.strip()))
            if until and until in line:
                fields = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
                used = sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
                child.send_signal(signal.SIGINT)
                child.stderr.read()
                child.wait()
                return told[-1][0], used, told
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if until or child.returncode:
            raise SystemExit("\n".join(line for _, line in told[-20:]))
        return time.perf_counter() - began, used.ru_utime + used.ru_stime, told


def cold(options):
    for size in options.sizes.split(","):
        weights, pairs = detector(options.scratch / "cold", options.yolo, size), []
        for _ in range(options.rounds):
            for path in (weights, options.ort):
                forgotten(path)
            seen = started(options, f"yolov9={weights}", "YOLOv9: boxes")
            pairs.append((seen, started(options, "none")))
            print("\n".join(f"    {second:7.2f} {line}" for second, line in seen[2] if "YOLO" in line))
        found = {"load": os.getloadavg()[0]}
        for which, kind in enumerate(["wall", "processor"]):
            a, b = (statistics.median(pair[side][which] for pair in pairs) for side in (0, 1))
            each = [round(pair[0][which] - pair[1][which], 2) for pair in pairs]
            found[kind] = f"{a:.2f} - {b:.2f} s, each pair {each}: {statistics.median(each):.2f} s more"
        print(f"cold, v9-{size}", json.dumps(found, indent=1), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=pathlib.Path)
    parser.add_argument("--synchresis", type=pathlib.Path, help="for `cold`")
    parser.add_argument("--clip", type=pathlib.Path, help="for `cold`: a minute of 1080p")
    parser.add_argument("--sizes", default="c,t", help="for `cold`: of YOLOv9")
    parser.add_argument("--ort", type=pathlib.Path, required=True)
    parser.add_argument("--yolo", type=pathlib.Path)
    parser.add_argument("--moondream", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(ENGINES))
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("/var/tmp/synchresis-benches"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--cold", action="store_true", help="count the first run too: for a machine on which one takes minutes")
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        theirs(ENGINES, options)
        return
    for name in options.only.split(","):
        if name == "cold":
            cold(options)
            continue
        if name in ("yolov9", "moondream2") and getattr(options, "yolo" if name == "yolov9" else name[:-1]) is None:
            print(f"{name}: left out, its reference's checkout is not named")
            continue
        torch = [sys.executable, __file__, *sys.argv[1:], "--torch", name]
        if not (options.scratch / name).exists():
            subprocess.run([*torch, "--prepare"], check=True, stdout=subprocess.DEVNULL)
        run = lambda engine: [options.time, engine, options.ort, options.scratch / name, options.tokens]
        if name == "moondream2" and not (options.scratch / name / "eight.safetensors").exists():
            subprocess.run([str(word) for word in run("moondream2-q8")], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        beside = Side(torch)
        if not options.cold:
            beside.run(counted=False)
        for ours_name in (name, "moondream2-q8")[: 1 + (name == "moondream2")]:
            ours = Side(run(ours_name))
            compare(ours_name, ours, beside, options)
            ours.end()
        beside.end()


if __name__ == "__main__":
    main()
