"""Every public layer with its defaults, in the frame of its kind of input."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from benchmarks.train_defaults import wirings
from benchmarks.train_defaults.digits import LEVELS
from benchmarks.train_defaults.wirings import CHANNELS, UNITS, Make, Tensors
from keras_hadamard import layers

# What layers cannot be made without, and the outputs of those that have one by default.
CHOSEN: dict[str, Any] = {
    "units": UNITS,
    "filters": CHANNELS,
    "kernel_size": 3,
    "factors": 8,
    "attention_units": 8,
    "layer_sizes": (UNITS, UNITS),
    "sketch_dim": 256,
    "rate": 0.1,
    "penalty": 1e-3,
    "vocabulary_sizes": (LEVELS,) * 16,
}
# Of published sizes for some two thousand features, a tenth.
SMALLER = {"BLOCK": {"mm_dim": 160}, "BlockTucker": {"mm_dim": 160}, "MCB": {"sketch_dim": 1600}}
OUTPUTS = {"AttentionalFactorizationMachine", "CompressedInteraction"}
PUBLIC: dict[str, type] = {
    name: layer
    for name, layer in vars(layers).items()
    if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer)
}


def made(name: str) -> keras.layers.Layer:
    """The layer with its defaults."""
    if name == "HadamardProduct":
        dense = keras.layers.Dense
        return layers.HadamardProduct([dense(UNITS), dense(UNITS, activation="sigmoid")])
    if name == "HyperConnections":
        return layers.HyperConnections(keras.layers.Dense(UNITS, activation="relu"))
    signature = inspect.signature(PUBLIC[name].__init__).parameters
    needed = [n for n, p in signature.items() if p.default is p.empty and n in CHOSEN]
    needed += ["units"] if name in OUTPUTS else []
    return PUBLIC[name](**{n: CHOSEN[n] for n in needed}, **SMALLER.get(name, {}))


@dataclass(frozen=True)
class Frame:
    """What stands between the input and the layer, and between the layer and ten outputs."""

    build: Callable[[Tensors, Make], Any]
    # The share of right answers that each layer in it is held to.
    least: float
    told: str
    names: str


FRAMES = {
    "vector": Frame(
        wirings.vector,
        0.96,
        "the 64 pixels",
        "CrossNetwork FactorizedInteraction FeatureCross GatedCrossNetwork GatedDense "
        "GatedMLP GatedResidual HadamardProduct Highway MixtureCross MuLayer PolynomialDense "
        "ProductOfPolynomials QuadraticDense StarOperation",
    ),
    "high degree": Frame(
        wirings.vector, 0.94, "the 64 pixels, whose crosses double their degree", "DeepCrossV3"
    ),
    "chosen features": Frame(
        wirings.vector,
        0.65,
        "the 64 pixels, of which three masks choose some for 8 outputs",
        "TabNetEncoder",
    ),
    "a class": Frame(
        wirings.of_a_class, 0.96, "the 64 pixels, ten layers of one output", "FactorizationMachine"
    ),
    "hidden": Frame(
        wirings.hidden,
        0.93,
        "after a dense layer of 32 with a ReLU",
        "Dice DropConnect HardConcreteGate MaskedDense PolyNorm PolyReLU SimpleGate",
    ),
    "branch": Frame(
        wirings.branch, 0.95, "`h + layer(relu(W h))` with `h` a dense layer", "DropPath LayerScale"
    ),
    "streams": Frame(
        wirings.streams,
        0.95,
        "a dense layer of 32, repeated as 4 streams, around a dense layer of 32 with a ReLU",
        "HyperConnections",
    ),
    "sequence": Frame(
        wirings.sequence,
        0.92,
        "8 rows, a dense layer of 32 and learned places; the layer between two layer "
        "normalisations, its input added where the shapes agree; mean over the rows",
        "AFT DeltaNet FocalModulation1D GMLPBlock GatedAttention GatedConv1D "
        "GatedDeltaNet GatedLinearAttention H3 HGRN HydraAttention HyenaOperator "
        "KimiDeltaAttention LinearAttention Mamba2 MinGRU MinLSTM MonarchMixer MultiplicativeLSTM "
        "PolySelfAttention QRNN RGLRU Retention SRU SimpleGatedLinearAttention "
        "SpatialGatingUnit",
    ),
    "pooled": Frame(
        wirings.sequence,
        0.86,
        "as `sequence`; the layer takes the place of the mean, and mixes no rows",
        "AttentionPooling",
    ),
    "target": Frame(
        wirings.target, 0.87, "rows as in `sequence`, the last one as the target", "TargetAttention"
    ),
    "two sequences": Frame(
        wirings.two_sequences,
        0.92,
        "rows as in `sequence`, the last four as the media of the others; mean over the rows",
        "GatedCrossAttention",
    ),
    "image": Frame(
        wirings.image,
        0.8,
        "a convolution of 16 with a ReLU; mean over the pixels",
        "BilinearPooling2D CompactBilinearPooling2D DemoBlock2D PolyBlock PolynomialBlock2D "
        "PolynomialConv2D PolynomialResidualBlock2D StarBlock2D",
    ),
    "between": Frame(
        wirings.between,
        0.93,
        "between two convolutions of 16 with a ReLU",
        "CBAM2D CoordinateAttention2D DropBlock2D EfficientChannelAttention2D GatedConv2D "
        "GlobalResponseNormalization MaskedConv2D PartialConv2D SimAM SqueezeExcite2D",
    ),
    "blocks": Frame(
        wirings.blocks, 0.95, "as `image`, two of them", "DensePolynomialResidualBlock2D"
    ),
    "mixer": Frame(
        wirings.mixer,
        0.87,
        "as `image`, the layer between two layer normalisations and its input added",
        "ConvGLU ConvolutionalModulation2D EfficientModulation2D FocalModulation2D "
        "GatedConvBlock2D GatedFeedForward2D GnConv2D LargeKernelAttention2D NAFBlock2D "
        "PolyNonLocal",
    ),
    "halves": Frame(
        wirings.halves,
        0.95,
        "the left and the right half, 32 pixels each",
        "BLOCK BilinearAttention BlockTucker CoPE ConcatFusion CrossModalGate GMU HadamardFusion "
        "LMF MCB MFB MFH MLB MRN MUTAN MaskBlock MultiHeadBilinear MultiplicativeInteraction "
        "SumFusion TensorFusion TuckerFusion VariableSelection",
    ),
    "condition": Frame(
        wirings.condition,
        0.95,
        "a dense layer of the left half, and the right half as the condition; a ReLU after",
        "ConditionalBatchNormalization ConditionalLayerNormalization FiLM GateNU "
        "MultimodalAdaptationGate",
    ),
    "image and condition": Frame(
        wirings.image_condition,
        0.88,
        "a convolution of 16 with a ReLU of the left half, and the right half as the condition; "
        "a ReLU and the mean over the pixels after",
        "AdaIN FiLMResidualBlock2D ModulatedConv2D SPADE",
    ),
    "image and vector": Frame(
        wirings.both,
        0.9,
        "a convolution of 16 with a ReLU of the left half, a dense layer of 32 with a ReLU of the "
        "right one; the mean over the pixels of the first output beside the second",
        "MultimodalTransferModule",
    ),
    "fields": Frame(
        wirings.fields,
        0.78,
        "4 x 4 blocks of 5 levels, an embedding of 8 each",
        "AttentionalFactorizationMachine BilinearInteraction CompressedInteraction DotInteraction "
        "HolographicInteraction InnerProductInteraction LogarithmicTransform "
        "OuterProductInteraction",
    ),
    "weighed fields": Frame(
        wirings.fields,
        0.7,
        "as `fields`; weights of fields that end in a ReLU, and may close for good",
        "FieldSqueezeExcite",
    ),
    "complex fields": Frame(
        wirings.complex_fields,
        0.78,
        "as `fields`, an embedding for the real and one for the imaginary parts",
        "EulerInteraction",
    ),
    "ids": Frame(wirings.ids, 0.8, "4 x 4 blocks of 5 levels", "FieldAwareFactorizationMachine"),
    "plane": Frame(
        wirings.plane,
        0.0,
        "two coordinates, the first principal components",
        "FourierFilter GaborFilter",
    ),
}
FRAME_OF = {name: key for key, frame in FRAMES.items() for name in frame.names.split()}


def logits(name: str, inputs: Tensors, make: Make | None = None) -> Any:
    """The ten outputs of a layer in its frame."""
    y = FRAMES[FRAME_OF[name]].build(inputs, make or (lambda: made(name)))
    return y if FRAME_OF[name] == "a class" else keras.layers.Dense(10)(keras.layers.Flatten()(y))
