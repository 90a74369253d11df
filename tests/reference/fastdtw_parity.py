"""Writes crates/cue/tests/data/fastdtw.json: what the PyPI package fastdtw answers on generated series.

    pip install -r tests/reference/requirements.txt
    python tests/reference/fastdtw_parity.py
"""

import json
from pathlib import Path

import numpy as np
from fastdtw import fastdtw
from scipy.spatial.distance import euclidean

SIZES = [(1, 1), (1, 7), (2, 3), (3, 3), (4, 9), (5, 5), (9, 4), (16, 33), (31, 30), (57, 12), (64, 64), (101, 17), (40, 99)]

rng = np.random.default_rng(1)
cases = []
for n, m in SIZES:
    if (n + m) % 3 == 0:
        # Whole numbers: many ties, which the order of the three steps decides.
        x, y = (rng.integers(0, 5, k).astype(float) for k in (n, m))
    else:
        x, y = (np.sort(rng.uniform(0, 30, k)).round(4) for k in (n, m))
    distance, path = fastdtw(x.reshape(-1, 1), y.reshape(-1, 1), radius=1, dist=euclidean)
    cases.append({"x": x.tolist(), "y": y.tolist(), "distance": float(distance), "path": [[int(i), int(j)] for i, j in path]})

out = Path(__file__).parents[2] / "crates/cue/tests/data/fastdtw.json"
out.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
