"""Backbones of keras-hub with small random configurations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

IDS = {"vocabulary_size": 11, "num_layers": 1}
# Of encoders and older decoders, whose heads are all alike.
HEADS = {**IDS, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 12}
# Of newer decoders, in which heads of queries share keys.
QUERIES = {
    **IDS,
    "num_query_heads": 2,
    "num_key_value_heads": 1,
    "hidden_dim": 8,
    "intermediate_dim": 12,
}
IMAGE = {"image_shape": (32, 32, 3)}

BACKBONES: dict[str, dict[str, Any]] = {
    "Albert": {**HEADS, "embedding_dim": 6},
    "Bert": HEADS,
    "Bart": HEADS,
    "Bloom": HEADS,
    "DebertaV3": {**HEADS, "bucket_size": 4},
    "DistilBert": HEADS,
    "Electra": {
        "vocab_size": 11,
        "embedding_dim": 6,
        **{key: value for key, value in HEADS.items() if key != "vocabulary_size"},
    },
    "Falcon": {**IDS, "num_attention_heads": 2, "hidden_dim": 8, "intermediate_dim": 12},
    "FNet": {**IDS, "hidden_dim": 8, "intermediate_dim": 12},
    "Gemma": {**QUERIES, "head_dim": 4},
    "GPT2": HEADS,
    "GPTNeoX": HEADS,
    "Llama3": QUERIES,
    "Mistral": QUERIES,
    "Mixtral": {**QUERIES, "num_experts": 3},
    "OPT": HEADS,
    "Phi3": QUERIES,
    "Qwen3": {**QUERIES, "head_dim": 4},
    "Roberta": HEADS,
    "T5": HEADS,
    "Whisper": {**HEADS, "num_mels": 5, "max_encoder_sequence_length": 64},
    "XLNet": HEADS,
    "ViT": {
        **IMAGE,
        "patch_size": 16,
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 8,
        "mlp_dim": 12,
    },
    "SwinTransformer": {
        **IMAGE,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "window_size": 4,
    },
    "MiT": {
        **IMAGE,
        "layerwise_depths": [1, 1],
        "num_layers": 2,
        "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1],
        "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3],
        "layerwise_strides": [4, 2],
        "hidden_dims": [8, 16],
    },
    "CSPNet": {
        **IMAGE,
        "stem_filters": 8,
        "stem_kernel_size": 3,
        "stem_strides": 1,
        "stackwise_depth": [1, 1],
        "stackwise_strides": [1, 2],
        "stackwise_num_filters": [8, 16],
        "block_type": "dark_block",
        "bottle_ratio": (0.5, 1.0),
        "block_ratio": (1.0,),
        "expand_ratio": (2.0, 1.0),
    },
    "ResNet": {
        **IMAGE,
        "input_conv_filters": [8],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [8, 16],
        "stackwise_num_blocks": [1, 1],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
}


def backbone(name: str) -> keras.Model:
    import keras_hub

    return getattr(keras_hub.models, f"{name}Backbone")(**BACKBONES[name])


HUB: dict[str, Callable[[], keras.Model]] = {
    f"keras-hub {name}": partial(backbone, name) for name in BACKBONES
}
