"""A small configuration of every published architecture."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tiny:
    """Arguments of a model, and the shape of its input, or of each by name, without the batch."""

    shape: tuple[int, ...] | dict[str, tuple[int, ...]]
    kwargs: dict[str, Any]
    # For tokens: what all of them are below.
    tokens: int | None = None
    # For some of the inputs by name: what all of their ids are below.
    ids: dict[str, int] = field(default_factory=dict)

    def inputs(self, batch: int) -> Any:
        rng = np.random.default_rng(0)
        if self.tokens is not None:
            return rng.integers(0, self.tokens, (batch, *self.shape)).astype("int32")
        if isinstance(self.shape, tuple):
            return rng.normal(size=(batch, *self.shape)).astype("float32")
        # What is not drawn from a normal distribution: words, and the known pixels of a mask.
        below = {"question": self.kwargs.get("vocabulary_size"), "mask": 2} | self.ids
        return {
            name: rng.integers(0, below[name], (batch, *shape)).astype(
                "float32" if name == "mask" else "int32"
            )
            if name in below
            else rng.normal(size=(batch, *shape)).astype("float32")
            for name, shape in self.shape.items()
        }


# A number, two categories of unequal widths, and a sequence of one of them.
COLUMNS = [
    {"kind": "number", "name": "price", "mean": 1.0, "variance": 4.0},
    {"kind": "category", "name": "item", "size": 5},
    {"kind": "category", "name": "city", "buckets": 3, "embedding_dim": 2},
    {"kind": "sequence", "name": "history", "shares": "item"},
]
_OF_COLUMNS = {"price": (), "item": (), "city": (), "history": (4,)}
_IDS = {"item": 6, "city": 3, "history": 6}
_IMAGE = (16, 16, 3)
_SMALL = {"input_shape": _IMAGE, "classes": 3, "blocks": (1, 2), "filters": (4, 6)}
TINY = {
    "PiNet18": Tiny((32, 32, 3), {"input_shape": (32, 32, 3), "classes": 3}),
    "PiNet18-relu": Tiny(
        (32, 32, 3),
        {
            "input_shape": (None, None, 3),
            "classes": 3,
            "activation": "relu",
            "product_convolution": True,
        },
    ),
    "RPolyNet": Tiny(_IMAGE, _SMALL),
    "DPolyNet": Tiny(_IMAGE, _SMALL),
    "ProdPolyNet": Tiny(_IMAGE, _SMALL),
    "PolynomialGenerator": Tiny(
        (5,), {"latent_units": 5, "filters": (4, 3, 2), "normalization": "batch"}
    ),
    "PolynomialGenerator-mapped": Tiny(
        (5,),
        {"latent_units": 5, "filters": (4, 3), "activation": True, "mapping_layers": 2},
    ),
    "StarNet": Tiny(
        (32, 32, 3),
        {
            "input_shape": (32, 32, 3),
            "classes": 3,
            "width": 4,
            "blocks": (1, 2),
            "expansion": 2,
            "drop_path": 0.1,
        },
    ),
    "DemoNet": Tiny(
        _IMAGE,
        {
            "width": 4,
            "depth": 2,
            "mode": "add",
            "input_shape": (None, None, 3),
            "classes": 3,
            "patch_size": 4,
            "layer_scale": 0.5,
        },
    ),
    "CausalLanguageModel": Tiny(
        (6,), {"vocabulary_size": 7, "mixer": "min_gru", "units": 8, "dropout": 0.1}, tokens=7
    ),
    "CausalLanguageModel-window": Tiny(
        (6,),
        {
            "vocabulary_size": 7,
            "mixer": "attention",
            "mixer_arguments": {"heads": 2},
            "units": 8,
            "blocks": 1,
            "hidden_units": 12,
            "length": 6,
        },
        tokens=7,
    ),
    "GMLP": Tiny(
        _IMAGE,
        {
            "input_shape": _IMAGE,
            "classes": 3,
            "width": 4,
            "depth": 2,
            "patch_size": 4,
            "drop_path": 0.1,
        },
    ),
    "InpaintingUNet": Tiny(
        {"image": (8, 12, 3), "mask": (8, 12, 1)},
        {"input_shape": (8, 12, 3), "filters": (4, 5), "kernel_sizes": (5, 3)},
    ),
    "InpaintingUNet-gated": Tiny(
        {"image": (8, 12, 1), "mask": (8, 12, 1)},
        {
            "input_shape": (None, None, 1),
            "convolution": "gated",
            "filters": (4, 5),
            "kernel_sizes": (5, 3),
        },
    ),
    "InpaintingUNet-plain": Tiny(
        {"image": (8, 12, 3), "mask": (8, 12, 1)},
        {
            "input_shape": (None, None, 3),
            "convolution": "plain",
            "filters": (4, 5),
            "kernel_sizes": (5, 3),
        },
    ),
    "MONet": Tiny(
        _IMAGE,
        {"input_shape": _IMAGE, "classes": 3, "filters": (8, 16), "blocks": (1, 2), "expansion": 2},
    ),
    "MambaOut": Tiny(
        _IMAGE,
        {
            "input_shape": _IMAGE,
            "classes": 3,
            "filters": (4, 6),
            "blocks": (1, 2),
            "kernel_size": 3,
            "drop_path": 0.1,
        },
    ),
    "MambaOut-partial": Tiny(
        _IMAGE,
        {
            "input_shape": (None, None, 3),
            "classes": 3,
            "filters": (6,),
            "blocks": (1,),
            "expansion": 2,
            "conv_ratio": 0.5,
            "dropout": 0.1,
        },
    ),
    "NAFNet": Tiny(
        (8, 12, 3),
        {
            "input_shape": (8, 12, 3),
            "width": 4,
            "encoder_blocks": (1, 2),
            "middle_blocks": 1,
            "decoder_blocks": (1, 1),
        },
    ),
    "NAFNet-any": Tiny(
        (7, 10, 2),
        {
            "variant": "gopro",
            "input_shape": (None, None, 2),
            "width": 2,
            "encoder_blocks": (1,),
            "decoder_blocks": (2,),
        },
    ),
    "FocalNet": Tiny(
        (16, 16, 3),
        {
            "input_shape": _IMAGE,
            "classes": 3,
            "width": 4,
            "blocks": (1, 2),
            "levels": (2, 1),
            "drop_path": 0.1,
        },
    ),
    "FocalNet-large": Tiny(
        (16, 16, 3),
        {
            "variant": "large_fl4",
            "input_shape": (None, None, 3),
            "classes": 3,
            "width": 4,
            "blocks": (1, 1),
            "levels": 2,
            "layer_scale": 0.5,
            "modulation": {"post_norm": True, "use_bias": False},
        },
    ),
    "HorNet": Tiny(
        (16, 16, 3),
        {
            "input_shape": (None, None, 3),
            "classes": 3,
            "width": 4,
            "blocks": (1, 2),
            "layer_scale": 0.5,
            "drop_path": 0.1,
        },
    ),
    "HorNet-global": Tiny(
        (16, 16, 3),
        {
            "variant": "tiny_gf",
            "input_shape": _IMAGE,
            "classes": 3,
            "width": 8,
            "blocks": (1, 1),
            "global_filters": ((4, 3), (3, 2)),
            "layer_scale": 0.5,
        },
    ),
    "EfficientMod": Tiny(
        (16, 16, 3),
        {
            "input_shape": (None, None, 3),
            "classes": 3,
            "filters": (4, 6),
            "blocks": (2, 1),
            "attention_blocks": (0, 1),
            "expansion": 2,
            "layer_scale": 0.5,
            "drop_path": 0.1,
        },
    ),
    "DeepCrossNetwork": Tiny((5,), {"features": 5, "hidden_units": (4,)}),
    "DeepCrossNetwork-columns": Tiny(
        _OF_COLUMNS,
        {"features": COLUMNS, "hidden_units": (4,), "embedding_dim": 3},
        ids=_IDS,
    ),
    "FiBiNET": Tiny(
        _OF_COLUMNS, {"columns": COLUMNS, "embedding_dim": 3, "hidden_units": (4,)}, ids=_IDS
    ),
    "FiBiNET-each": Tiny(
        _OF_COLUMNS,
        {
            "columns": COLUMNS,
            "embedding_dim": 2,
            "hidden_units": (4,),
            "bilinear_type": "field_each",
            "ratio": 2,
            "classes": 3,
            "dropout": 0.2,
        },
        ids=_IDS,
    ),
    "MaskNet": Tiny(
        _OF_COLUMNS,
        {"columns": COLUMNS, "embedding_dim": 3, "blocks": 2, "block_units": 4},
        ids=_IDS,
    ),
    "MaskNet-parallel": Tiny(
        _OF_COLUMNS,
        {
            "columns": COLUMNS,
            "embedding_dim": 3,
            "structure": "parallel",
            "block_units": 4,
            "ratio": 2,
            "hidden_units": (5,),
        },
        ids=_IDS,
    ),
    "FinalMLP": Tiny(
        _OF_COLUMNS,
        {
            "columns": COLUMNS,
            "embedding_dim": 3,
            "first_units": (4,),
            "second_units": (6,),
            "first_context": ["item", "history"],
            "gate_units": (3,),
        },
        ids=_IDS,
    ),
    "DIN": Tiny(
        _OF_COLUMNS,
        {"columns": COLUMNS, "embedding_dim": 3, "attention_units": (4,), "hidden_units": (5,)},
        ids=_IDS,
    ),
    "DIN-softmax": Tiny(
        _OF_COLUMNS,
        {
            "columns": COLUMNS,
            "embedding_dim": 3,
            "attention_units": (4,),
            "attention_activation": "relu",
            "use_softmax": True,
            "hidden_units": (5,),
            "activation": "relu",
        },
        ids=_IDS,
    ),
    "DeepCrossNetwork-gated": Tiny((5,), {"features": 5, "cross": "gated", "hidden_units": (4,)}),
    "DeepCrossNetwork-v3": Tiny(
        (6,), {"features": 6, "cross": "v3", "num_layers": 2, "hidden_units": (4,)}
    ),
    "DeepCrossNetwork-mixture": Tiny(
        (8,),
        {
            "features": 8,
            "classes": 3,
            "structure": "parallel",
            "cross": "mixture",
            "num_layers": 2,
            "num_experts": 2,
            "hidden_units": (4, 3),
            "dropout": 0.1,
            "classifier_activation": "softmax",
        },
    ),
    "MultiplicativeFilterNetwork": Tiny(
        (2,), {"units": 6, "outputs": 2, "steps": 2, "input_scale": 4.0, "seed": 1}
    ),
    "MultiplicativeFilterNetwork-bacon": Tiny(
        (2,),
        {"filters": "bacon", "units": 6, "outputs": 2, "steps": 2, "frequency": 6, "seed": 1},
    ),
    "MultiplicativeFilterNetwork-gabor": Tiny(
        (2,),
        {
            "filters": "gabor",
            "units": 6,
            "steps": 1,
            "input_scale": 4.0,
            "output_activation": "sin",
        },
    ),
    "VisualQuestionAnswering": Tiny(
        {"image": (9, 12, 2), "question": (5,)},
        {
            "input_shape": (9, 12, 2),
            "vocabulary_size": 7,
            "classes": 3,
            "fusion": "mfb",
            "fusion_arguments": {"factor": 3},
            "max_fusion_parameters": 300,
            "units": 4,
            "filters": (3, 4),
            "embedding_dim": 3,
        },
    ),
    "VisualQuestionAnswering-regions": Tiny(
        {"image": (9, 12, 2), "question": (5,)},
        {
            "input_shape": (None, None, 2),
            "vocabulary_size": 7,
            "classes": 3,
            "fusion": "concat",
            "units": 4,
            "filters": (3,),
            "embedding_dim": 3,
            "regions": True,
            "dropout": 0.1,
        },
    ),
}
