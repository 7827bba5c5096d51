"""PEFT's `adapter_config.json`, and those of its options that have no counterpart here."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.reading import reading
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters.dora import DoRA
from keras_hadamard.adapters.hira import HiRA
from keras_hadamard.adapters.ia3 import IA3
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lokr import LoKr
from keras_hadamard.adapters.lora import LoRA
from keras_hadamard.adapters.vera import VeRA

_EXPECTED = "the description of a PEFT adapter"
_KINDS = ("LORA", "LOHA", "HIRA", "LOKR", "VERA", "IA3")
# They subtract the adapter's initial value from the base, so it fits only that changed base.
_CONVERTIBLE = ("pissa", "olora", "corda", "lora_ga")
_CHANGING = (*_CONVERTIBLE, "loftq")
# LoRAs that compute something else, or whose base has other layers than in the file.
_OTHERS = (
    *("use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config", "kasa_config"),
    *("monteclora_config", "layer_replication", "target_parameters", "trainable_token_indices"),
)


@dataclass(frozen=True)
class PeftConfig:
    """The items of the file."""

    path: Path
    values: dict[str, Any]

    @staticmethod
    def read(folder: Path) -> "PeftConfig":
        path = folder / "adapter_config.json"
        if not path.exists():
            raise received(
                "`adapter_config.json` in the same folder, as PEFT writes it", path=folder
            )
        with reading(path, _EXPECTED):
            config = PeftConfig(path, dict(json.loads(path.read_text(encoding="utf-8"))))
        config.check()
        return config

    def check(self) -> None:
        """Raises where an option has no counterpart here."""
        kind = self.values.get("peft_type")
        if kind not in _KINDS:
            raise received(
                f"`peft_type` to be one of {_KINDS}", peft_type=kind, path=str(self.path)
            )
        for option in _OTHERS:
            # Options that are off are false, empty or null.
            if self.values.get(option):
                raise received(
                    f"a LoRA without `{option}`; merge it in PEFT with `merge_and_unload` and take "
                    "over the weights",
                    **{option: self.values[option]},
                )
        start = str(self.values.get("init_lora_weights")).lower()
        if start.startswith(_CONVERTIBLE):
            raise received(
                "`init_lora_weights` that does not change the base; in PEFT, `save_pretrained(..., "
                "path_initial_model_for_weight_conversion=...)` makes the adapter a plain LoRA",
                init_lora_weights=self.values["init_lora_weights"],
            )
        if start.startswith(_CHANGING):
            raise received(
                "`init_lora_weights` that does not change the base; merge the adapter in PEFT with "
                "`merge_and_unload` and take over the weights",
                init_lora_weights=self.values["init_lora_weights"],
            )

    def adapter(self, module: str, tensors: dict[str, np.ndarray]) -> Adapter:
        """The adapter of one module; ranks are those of the tensors."""
        with reading(self.path, _EXPECTED):
            kind = self.values["peft_type"]
            if kind == "IA3":
                return IA3(feedforward=self._is_feedforward(module))
            if kind == "LOHA":
                # Cores do not affect kernels of one position, so the description omits them.
                tucker = "t1" in tensors or bool(self.values.get("use_effective_conv2d"))
                alpha = self._alpha("alpha", module)
                return LoHa(tensors["a1"].shape[0], alpha, tucker=tucker)
            if kind == "LOKR":
                return self._lokr(module, tensors)
            if kind == "VERA":
                return self._vera(tensors)
            rank = tensors["a"].shape[0]
            if kind == "HIRA":
                return HiRA(rank)
            alpha = self._alpha("lora_alpha", module)
            if self.values.get("use_rslora"):
                alpha *= rank**0.5
            if "magnitude" in tensors or self.values.get("use_dora"):
                return DoRA(rank, alpha)
            return LoRA(rank, alpha, bias="bias" in tensors)

    def _lokr(self, module: str, tensors: dict[str, np.ndarray]) -> Adapter:
        inner = next((tensors[name] for name in ("a1", "a2") if name in tensors), None)
        # Undecomposed factors do not show a rank, but alpha is divided by one.
        rank = self._of("rank_pattern", "r", module) if inner is None else inner.shape[0]
        return LoKr(
            int(rank),
            self._alpha("alpha", module),
            factor=int(self.values.get("decompose_factor", -1)),
            decompose_both=bool(self.values.get("decompose_both")),
            tucker=bool(self.values.get("use_effective_conv2d")),
        )

    def _vera(self, tensors: dict[str, np.ndarray]) -> Adapter:
        if not {"shared_a", "shared_b"} <= set(tensors):
            raise received(
                "`vera_A` and `vera_B` in the file, which PEFT writes with `save_projection=True`: "
                "only PyTorch draws them from the seed",
                save_projection=self.values.get("save_projection"),
                tensors=sorted(tensors),
            )
        return VeRA(
            tensors["d"].shape[0],
            float(self.values.get("d_initial", 0.1)),
            seed=int(self.values.get("projection_prng_key", 0)),
        )

    def _alpha(self, option: str, module: str) -> float:
        """An alpha, the module's own if a pattern matches its name."""
        return float(self._of("alpha_pattern", option, module))

    def _of(self, patterns: str, option: str, module: str) -> Any:
        """An option, the module's own if a pattern matches its name; the first match counts."""
        for pattern, value in (self.values.get(patterns) or {}).items():
            if _found(re.match, rf"(.*\.)?({pattern})$", module):
                return value
        return self.values[option]

    def _is_feedforward(self, module: str) -> bool:
        named = self.values.get("feedforward_modules") or ()
        if isinstance(named, str):
            return _found(re.fullmatch, named, module)
        # As in PEFT, dots are not escaped.
        return any(module.endswith(name) for name in named)


def _found(match: Any, pattern: str, module: str) -> bool:
    try:
        return match(pattern, module) is not None
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
