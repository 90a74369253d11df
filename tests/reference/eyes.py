#!/usr/bin/env python3
"""What the reference implementations compute, for the model room's tests: small outputs, under crates/models/tests/fixtures.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 torchvision pillow numpy safetensors kmedoids omegaconf einops
    git clone https://github.com/MultimediaTechLab/YOLO      (MIT; run beside the project, nothing of it is kept)
    venv/bin/python tests/reference/eyes.py --yolo YOLO --out crates/models/tests/fixtures

Weights are not stored: they are numbers drawn from each tensor's name, here and in the tests (crates/models/src/parity.rs).
"""
import argparse
import functools
import math
import pathlib
import sys
import types

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

GOLDEN = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def drawn(name, count):
    """`count` numbers in [0, 1) that belong to `name`: FNV-1a, then SplitMix64."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 24)


def limits(name, shape, gain):
    """Between what a tensor's numbers lie; with the right gain what flows keeps a natural size."""
    if name.endswith("running_var"):
        return 0.5, 1.5
    if name.endswith("class_conv.2.bias"):
        return -9.0, -5.0
    if len(shape) == 1 and name.endswith("weight"):
        return 0.8, 1.2
    if len(shape) <= 1:
        return -0.1, 0.1
    # What is summed from many branches is softer.
    summed = len(shape) == 4 and shape[2] == 1 and name.count(".") == 2
    reach = math.sqrt((1.0 if summed else gain) / math.prod(shape[1:]))
    return -reach, reach


@functools.lru_cache(maxsize=None)
def kept(name, count):
    """[`drawn`], once; 24 bits fit into a float."""
    return drawn(name, count).astype(np.float32)


def tensor(name, shape, between=None, gain=6.0):
    low, high = between or limits(name, shape, gain)
    return (low + (high - low) * kept(name, math.prod(shape)).astype(np.float64)).astype(np.float32).reshape(shape)


def fill(module, gain=6.0):
    state = module.state_dict()
    for name, old in state.items():
        if old.dtype == torch.float32 and "anc2vec" not in name:
            state[name] = torch.from_numpy(tensor(name, tuple(old.shape), gain=gain))
    module.load_state_dict(state)
    return module.eval()


def photo(name, width, height):
    """A picture with slopes, edges and grain."""
    y, x = np.mgrid[0:height, 0:width]
    grain = drawn(name, width * height * 3).reshape(height, width, 3)
    base = np.stack([x * 255 // width, y * 255 // height, ((x // 16 + y // 16) % 2) * 255], -1)
    return ((base * 3 + (grain * 256).astype(np.int64)) // 4).astype(np.uint8)


def extended():
    """Size e in the reference's own words: its layers are there, its configuration is not."""
    rep = lambda out, part: {"RepNCSPELAN": {"args": {"out_channels": out, "part_channels": part, "csp_args": {"repeat_num": 2}}}}
    conv = lambda out, **more: {"Conv": {"args": {"out_channels": out, "kernel_size": 3, "stride": 2}, **more}}
    down = lambda out: {"ADown": {"args": {"out_channels": out}}}
    tag = lambda layer, name: {k: {**v, "tags": name} for k, v in layer.items()}
    up = {"UpSample": {"args": {"scale_factor": 2, "mode": "nearest"}}}
    cat = lambda name: {"Concat": {"source": [-1, name]}}
    widths = [64, 128, 256, 512, 1024]
    branch = lambda i: {"CBLinear": {"source": f"B{i}", "args": {"out_channels": widths[: i + 1]}, "tags": f"R{i}"}}
    fuse = lambda i: {"CBFuse": {"source": [f"R{k}" for k in range(i, 5)] + [-1], "args": {"index": [i] * (5 - i)}}}
    return {"backbone": [
        tag(conv(64, source=0), "B0"), conv(128), tag(rep(256, 128), "B1"), down(256), tag(rep(512, 256), "B2"),
        down(512), tag(rep(1024, 512), "B3"), down(1024), tag(rep(1024, 512), "B4"), *[branch(i) for i in range(5)],
        conv(64, source=0), fuse(0), conv(128), fuse(1), rep(256, 128), down(256), fuse(2), tag(rep(512, 256), "A3"),
        down(512), fuse(3), tag(rep(1024, 512), "A4"), down(1024), fuse(4), rep(1024, 512),
        tag({"SPPELAN": {"args": {"out_channels": 512, "neck_channels": 256}}}, "N3"), up, cat("A4"), tag(rep(512, 512), "N4"),
        up, cat("A3"), tag(rep(256, 256), "P3"), down(256), cat("N4"), tag(rep(512, 512), "P4"), down(512), cat("N3"),
        tag(rep(512, 1024), "P5"),
        {"MultiheadDetection": {"source": ["P3", "P4", "P5"], "tags": "Main", "output": True}}]}


def yolo_model(folder, size):
    sys.path.insert(0, str(folder))
    from omegaconf import OmegaConf
    for missing in ("rich", "loguru", "wandb", "lightning", "pycocotools", "torchmetrics", "hydra", "cv2", "requests"):
        try:
            __import__(missing)
        except ImportError:
            sys.modules[missing] = stand_in(missing)
    # The package's front door imports its trainer; the model alone is wanted.
    for name in ("yolo", "yolo.tools", "yolo.utils", "yolo.config", "yolo.model"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules.setdefault(name, package)
    sys.modules["yolo.tools.dataset_preparation"] = stand_in("yolo.tools.dataset_preparation")
    logger = types.ModuleType("yolo.utils.logger")
    logger.logger = types.SimpleNamespace(info=lambda *a: None, warning=lambda *a: None)
    sys.modules["yolo.utils.logger"] = logger
    config = types.ModuleType("yolo.config.config")
    config.ModelConfig = config.YOLOLayer = object
    sys.modules["yolo.config.config"] = config
    from yolo.model.yolo import YOLO
    if size == "e":
        arch = OmegaConf.create({"name": "v9-e", "anchor": {"reg_max": 16}, "model": extended()})
    else:
        arch = OmegaConf.load(folder / f"yolo/config/model/v9-{size}.yaml")
        del arch.model["auxiliary"]
    OmegaConf.set_struct(arch, False)
    return YOLO(arch, 80)


class stand_in(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(f"{self.__name__}.{name}")

    def __call__(self, *args, **kwargs):
        return self


def heads(model, planes):
    with torch.no_grad():
        main = model(torch.from_numpy(planes))["Main"]
    return [np.ascontiguousarray(part.numpy()) for class_x, _, vector_x in main for part in (class_x, vector_x)]


def detections(outputs, letterbox, confidence=0.25, overlap=0.5, most=300):
    """The reference's Vec2Box, PostProcess and bbox_nms, in its order, with torchvision's batched_nms."""
    from torchvision.ops import batched_nms
    classes, boxes = [], []
    for (logits, sides), stride in zip(zip(outputs[::2], outputs[1::2]), (8, 16, 32)):
        n, h, w = logits.shape[1:]
        at = lambda count: torch.arange(0, count * stride, stride) + stride // 2
        ys, xs = torch.meshgrid(at(h), at(w), indexing="ij")
        anchor = torch.stack([xs.flatten(), ys.flatten()], -1)
        ltrb = torch.from_numpy(sides).reshape(4, -1).T * stride
        boxes.append(torch.cat([anchor - ltrb[:, :2], anchor + ltrb[:, 2:]], -1))
        classes.append(torch.from_numpy(logits).reshape(n, -1).T)
    classes, boxes = torch.cat(classes).sigmoid(), torch.cat(boxes)
    scale, left, top = letterbox
    boxes = (boxes - torch.tensor([left, top, left, top])) / scale
    cell, label = torch.where(classes > confidence)
    sure, box = classes[cell, label], boxes[cell]
    kept = batched_nms(box, sure, label, overlap)[:most]
    return torch.cat([label[kept][:, None].float(), box[kept], sure[kept][:, None]], -1).numpy()


def photographs(options):
    """Real photographs (`scripts/photos`) through size t of drawn weights, which say much the same everywhere: each class's logits, less their mean,
    are multiplied and moved so that 400 are sure enough, midway between the 400th and the next."""
    net = yolo_model(options.yolo, "t")
    from yolo.tools.data_augmentation import PadAndResize
    seen = {}
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        image, _, where = PadAndResize((640, 640))(Image.open(options.photos / name).convert("RGB"), torch.zeros(0, 5))
        seen[name] = (np.asarray(image).astype(np.float32) / 255).transpose(2, 0, 1)[None], tuple(map(float, where[:3]))
    # What is smooth grows more from layer to layer than noise does, and bursts where noise is natural.
    fill(net.model, 6.5)
    stored = {"gain": np.array([6.5])}
    for name, (planes, letterbox) in seen.items():
        said = heads(net, planes)
        for logits in said[::2]:
            logits -= logits.mean(axis=(2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        every = np.sort(np.concatenate([o.ravel() for o in said[::2]]).astype(np.float64))[::-1]
        times = np.float32(8 / every[0])
        more = np.float32(math.log(0.25 / 0.75) - times * every[399:401].mean())
        for logits in said[::2]:
            logits[:] = logits * times + more
        found = detections(said, letterbox)
        print(name, times, more, found.shape, len(set(found[:, 0])), found[:2])
        stored |= {name: found, f"{name}.said": np.array([times, more])}
    save_file(stored, options.out / "photographs.safetensors")


def sample(values, most=3000):
    flat = np.ascontiguousarray(values).reshape(-1)
    return np.ascontiguousarray(flat[:: max(1, -(-flat.size // most))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yolo", type=pathlib.Path, required=True, help="a checkout of MultimediaTechLab/YOLO")
    parser.add_argument("--sizes", default="tsmce", help="of YOLOv9")
    parser.add_argument("--photos", type=pathlib.Path, help="folder of scripts/photos: only what is found in photographs")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    if options.photos:
        return photographs(options)

    small = tensor("image", (1, 3, 96, 128), (0.0, 1.0))
    for size in options.sizes:
        kept.cache_clear()
        net = yolo_model(options.yolo, size)
        low, high = 5.8, 7.8
        for _ in range(16):
            gain = (low + high) / 2
            fill(net.model, gain)
            outputs = heads(net, small)
            spread = max(float(o.std(axis=(2, 3)).mean()) for o in outputs[::2])
            if 0.25 < spread < 0.6:
                break
            low, high = (gain, high) if spread < 0.4 else (low, gain)
        print(size, gain, spread, [round(float(np.abs(o).mean()), 4) for o in outputs])
        stored = {f"head{i}": sample(o) for i, o in enumerate(outputs)}
        stored["gain"] = np.array([gain])
        save_file(stored, options.out / f"yolov9-{size}.safetensors")

    # What the heads say becoming boxes, on numbers of the size that heads give.
    said = []
    for i, cells in enumerate((20, 10, 5)):
        said.append(tensor(f"class{i}", (1, 80, cells, cells), (-40.0, 1.0)))
        said.append(tensor(f"sides{i}", (1, 4, cells, cells), (0.0, 6.0)))
    found = detections(said, (0.32, 0, 27))
    print("detections", found.shape, found[:3])
    save_file({"detections": found}, options.out / "detections.safetensors")

    from torchvision.models import resnet18
    net = fill(resnet18(weights=None))
    body = torch.nn.Sequential(*list(net.children())[:-2])
    with torch.no_grad():
        latent = body(torch.from_numpy(tensor("image", (1, 3, 96, 128), (-2.0, 2.0)))).numpy()
    print("resnet18", latent.shape, float(np.abs(latent).mean()))
    save_file({"latent": latent}, options.out / "resnet18.safetensors")

    image = Image.fromarray(photo("resize", 61, 47))
    sizes = [(23, 17), (61, 17), (100, 77), (640, 493), (1, 1)]
    ways = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
    save_file({f"{way}-{w}x{h}": np.asarray(image.resize((w, h), how)).copy()
               for way, how in ways.items() for w, h in sizes}, options.out / "resize.safetensors")

    import kmedoids
    points = drawn("points", 40 * 5).reshape(40, 5).astype(np.float32)
    apart = np.sqrt(((points[:, None].astype(np.float64) - points[None]) ** 2).sum(-1))
    best = {}
    for k in (1, 3, 5):
        result = kmedoids.fasterpam(apart, k, init="build", random_state=0)
        best[f"k{k}"] = np.sort(result.medoids).astype(np.int64)
        print("medoids", k, best[f"k{k}"], result.loss)
    save_file(best, options.out / "medoids.safetensors")


if __name__ == "__main__":
    main()
