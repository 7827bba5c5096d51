"""Writes the files of this folder: LyCORIS's own files, and LyCORIS's own outputs.

Not part of the tests, as it needs PyTorch and lycoris-lora: `python generate.py FOLDER`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from lycoris import create_lycoris
from lycoris.config import PRESET
from torch import nn

EVERY = {"target_module": ["Linear", "Conv1d", "Conv2d"], "target_name": []}
DENSE = {"target_module": ["Linear"], "target_name": []}
LAST = {"target_module": [], "target_name": [r"mlp\.2"]}


class Net(nn.Module):
    """A small MLP on `x`, and convolutions on `line` and `img`."""

    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 6))
        self.one = nn.Conv1d(4, 6, 3)
        self.conv = nn.Conv2d(4, 16, 3)
        self.group = nn.Conv2d(16, 16, 3, groups=4)
        self.point = nn.Conv2d(16, 6, 1)

    def forward(self, x, line, img):
        z = self.group(F.relu(self.conv(img)))
        return self.mlp(x), self.one(line), self.point(F.relu(z))


def loha(**more):
    ranks = {"linear_dim": 2, "linear_alpha": 3, "conv_dim": 3, "conv_alpha": 2}
    return {"algo": "loha", **ranks, **more}


def lokr(rank=1, **more):
    return {"algo": "lokr", "linear_dim": rank, "linear_alpha": 3, **more}


KINDS = {
    "loha": loha(),
    "loha_tucker": loha(use_tucker=True),
    "loha_scalar": loha(use_scalar=True),
    "loha_dora": loha(dora_wd=True),
    "loha_dora_inputs": loha(dora_wd=True, wd_on_output=False, preset=DENSE),
    "loha_dora_inputs_windows": loha(dora_wd=True, wd_on_output=False),
    "loha_dora_tucker": loha(dora_wd=True, use_tucker=True),
    "lokr": lokr(),
    "lokr_both": lokr(decompose_both=True),
    "lokr_whole": lokr(full_matrix=True),
    "lokr_large": lokr(2),
    "lokr_tucker": lokr(use_tucker=True),
    "lokr_factor": lokr(factor=8),
    "lokr_unbalanced": lokr(unbalanced_factorization=True, decompose_both=True),
    "lokr_dora": lokr(dora_wd=True, preset=LAST),
    "lora": loha(algo="lora"),
    "lora_dora": loha(algo="lora", dora_wd=True),
    "lora_tucker": loha(algo="lora", use_tucker=True),
    "full": {"algo": "full", "preset": LAST},
    "ia3": {"algo": "ia3", "preset": LAST},
    "glora": {"algo": "glora", "preset": LAST},
    "oft": {"algo": "diag-oft", "preset": LAST},
}


def main(folder: Path) -> None:
    torch.manual_seed(0)
    base = Net().eval()
    data = {
        "x": torch.randn(3, 12),
        "line": torch.randn(3, 4, 7),
        "img": torch.randn(3, 4, 7, 7),
    }
    np.savez(folder / "base.npz", **data, **base.state_dict())
    outputs = {}
    for name, options in KINDS.items():
        net = Net().eval()
        net.load_state_dict(base.state_dict())
        PRESET["this"] = {"enable_conv": True, **EVERY, **options.get("preset", {})}
        added = create_lycoris(net, **{**options, "preset": "this"})
        added.apply_to()
        added.eval()
        torch.manual_seed(1)
        for p in added.parameters():
            p.data += 0.3 * torch.randn_like(p)
        path = folder / f"{name}.safetensors"
        added.save_weights(str(path), None, {})
        with torch.no_grad():
            outputs |= {f"{name}.{i}": y for i, y in enumerate(net(**data))}
    np.savez(folder / "outputs.npz", **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
