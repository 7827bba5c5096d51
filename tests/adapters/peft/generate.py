"""Writes the folders that hold a `second.npz` base: PEFT's own files, and PEFT's own outputs.

Not part of the tests, as it needs PyTorch, transformers and PEFT: `python generate.py FOLDER`.
"""

import sys
from pathlib import Path

import numpy as np
import peft
import torch
import torch.nn.functional as F
from torch import nn
from transformers.pytorch_utils import Conv1D


class Net(nn.Module):
    """One layer of every kind: `x` from indices, `z` from images."""

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(11, 8)
        self.q_proj = nn.Linear(8, 8)
        self.c_proj = Conv1D(6, 8)
        self.norm = nn.LayerNorm(6)
        self.fc1 = nn.Linear(6, 16)
        self.fc2 = nn.Linear(16, 6, bias=False)
        self.head = nn.Linear(6, 3)
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.dw = nn.Conv2d(4, 4, 3, groups=2)
        self.point = nn.Conv2d(4, 2, 1)

    def forward(self, tok, img):
        x = self.emb(tok)
        x = self.norm(self.c_proj(self.q_proj(x) + x))
        x = self.head(self.fc2(F.relu(self.fc1(x))) + x)
        return x, self.point(self.dw(F.relu(self.bn(self.conv(img)))))


def lora(*targets, r=2, lora_alpha=3, **more):
    return peft.LoraConfig(target_modules=list(targets), r=r, lora_alpha=lora_alpha, **more)


def loha(*targets, **more):
    return peft.LoHaConfig(target_modules=list(targets), r=2, alpha=3, **more)


def lokr(*targets, r=1, **more):
    return peft.LoKrConfig(target_modules=list(targets), r=r, alpha=3, **more)


def vera(**more):
    return peft.VeraConfig(target_modules=["q_proj"], r=4, projection_prng_key=7, **more)


KINDS = {
    "rslora": lora(
        "q_proj", "fc1", "fc2", "conv", use_rslora=True,
        rank_pattern={"fc.": 3, "fc1": 4}, alpha_pattern={"^conv": 6, "proj": 9},
    ),
    "dora": lora("emb", "q_proj", "conv", use_dora=True),
    "fan_in": lora("c_proj", fan_in_fan_out=True, use_dora=True),
    "lora_bias": lora("q_proj", "conv", lora_bias=True),
    "lora_bias_without": lora("fc2", lora_bias=True),
    "bias_all": lora("q_proj", bias="all"),
    "bias_lora_only": lora("fc1", "fc2", "conv", bias="lora_only"),
    "modules_to_save": lora("q_proj", modules_to_save=["head", "dw"]),
    "bias_all_and_modules": lora("q_proj", bias="all", modules_to_save=["head", "norm"]),
    "norm_to_save": lora("q_proj", modules_to_save=["norm", "bn"]),
    "grouped": lora("dw"),
    "pissa": lora("q_proj", init_lora_weights="pissa"),
    "loha": loha("q_proj", "conv", "dw"),
    "loha_effective": loha(
        "q_proj", "conv", "dw", "point", use_effective_conv2d=True, rank_pattern={"conv": 3}
    ),
    "hira": peft.HiraConfig(
        target_modules=["emb", "q_proj", "conv"], r=2, rank_pattern={"conv": 3}
    ),
    "ia3": peft.IA3Config(
        target_modules=".*(q_proj|fc1|fc2|conv|dw)", feedforward_modules=["c1", "fc2", "conv"]
    ),
    "ia3_fan_in": peft.IA3Config(
        target_modules=["c_proj"], feedforward_modules=["c_proj"], fan_in_fan_out=True
    ),
    "lokr": lokr("q_proj", "fc1", "conv", "dw"),
    "lokr_both": lokr("q_proj", "fc1", "conv", decompose_both=True),
    "lokr_factor": lokr("q_proj", "fc1", r=2, decompose_factor=4, rank_pattern={"fc1": 1}),
    "lokr_effective": lokr("q_proj", "conv", use_effective_conv2d=True),
    "vera": vera(),
    "vera_without_projection": vera(save_projection=False),
}  # fmt: skip


def main(folder: Path) -> None:
    torch.manual_seed(0)
    base = Net().eval()
    for p in [*base.parameters(), base.bn.running_mean, base.bn.running_var]:
        p.data = p.data + 0.2 * torch.rand_like(p)
    data = {"tok": torch.randint(0, 11, (3, 5)), "img": torch.randn(3, 3, 7, 7)}
    weights = {k: v for k, v in base.state_dict().items() if not k.endswith("tracked")}
    np.savez(folder / "second.npz", **data, **weights)
    for name, config in KINDS.items():
        net = Net().eval()
        net.load_state_dict(base.state_dict())
        model = peft.get_peft_model(net, config).eval()
        if name == "pissa":
            model.save_pretrained(folder / "start")
        torch.manual_seed(1)
        for p in model.parameters():
            if p.requires_grad:
                p.data += 0.3 * torch.randn_like(p)
        model.save_pretrained(folder / name)
        outputs = [name]
        if name == "pissa":
            # PEFT's own way to a LoRA of the base as it was.
            model.save_pretrained(
                folder / "pissa_converted",
                path_initial_model_for_weight_conversion=str(folder / "start"),
            )
            outputs.append("pissa_converted")
        with torch.no_grad():
            x, z = model(**data)
        for each in outputs:
            np.savez(folder / each / "out.npz", x=x, z=z)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
