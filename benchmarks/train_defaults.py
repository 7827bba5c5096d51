"""Trains every public layer with its default arguments on digits of 8 x 8 pixels.

    python benchmarks/train_defaults.py              # prints a row for each of them
    python benchmarks/train_defaults.py MLB MinGRU   # some

Each kind of input has one small frame around the layer, and all have the same epochs, batches,
optimiser and seeds. What a layer cannot do without is chosen here, its number of outputs above all;
everything else is its default. A row is the layer, its frame, the share of right answers on what is
held out, in percent, the loss in the last epoch, and the seconds that it took.

Needs scikit-learn. Two processes train a layer each.
"""

import argparse
import concurrent.futures
import inspect
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if __name__ != "__main__" and multiprocessing.parent_process() is not None:
    # One core for each of the processes.
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import keras
import numpy as np
from keras import ops
from sklearn.datasets import load_digits

from keras_hadamard import layers

EPOCHS, BATCH, RATE, SEEDS = 12, 64, 3e-3, (0, 1)
UNITS, CHANNELS, LEVELS = 32, 16, 5
Tensors = dict[str, Any]
Make = Callable[[], Any]

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
    signature = inspect.signature(PUBLIC[name].__init__).parameters
    needed = [n for n, p in signature.items() if p.default is p.empty and n in CHOSEN]
    needed += ["units"] if name in OUTPUTS else []
    return PUBLIC[name](**{n: CHOSEN[n] for n in needed}, **SMALLER.get(name, {}))


@dataclass(frozen=True)
class Data:
    inputs: dict[str, np.ndarray]
    labels: np.ndarray

    def of(self, model: keras.Model) -> dict[str, np.ndarray]:
        """What a model takes."""
        return {key: self.inputs[key] for key in model.input}


def digits() -> tuple[Data, Data]:
    """What is trained on, and every third one, held out; pixels lie within -1 and 1."""
    found = load_digits()
    held_out = np.random.default_rng(0).permutation(len(found.target)) % 3 == 0
    image = (found.images / 8 - 1).astype("float32")
    blocks = found.images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    flat = image.reshape(-1, 64)
    centred = flat - flat[~held_out].mean(0)
    plane = centred @ np.linalg.svd(centred[~held_out], full_matrices=False)[2][:2].T
    inputs = {
        "pixels": flat,
        "rows": image,
        "image": image[..., None],
        "left": image[..., :4].reshape(-1, 32),
        "right": image[..., 4:].reshape(-1, 32),
        "left_image": image[..., :4, None],
        "fields": (blocks * LEVELS / 16.01).astype("int32"),
        "plane": np.clip(plane / np.abs(plane[~held_out]).max(0), -1, 1).astype("float32"),
    }
    return tuple(
        Data({name: x[which] for name, x in inputs.items()}, found.target[which])
        for which in (~held_out, held_out)
    )


SEEN, HELD_OUT = digits()


class Places(keras.layers.Layer):
    """Adds a learned vector of each position."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.table = self.add_weight(
            name="table",
            shape=input_shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, x: Any) -> Any:
        return x + self.table


def dense(x: Any, units: int = UNITS, activation: str | None = None) -> Any:
    return keras.layers.Dense(units, activation)(x)


def norm(x: Any) -> Any:
    return keras.layers.LayerNormalization(epsilon=1e-5)(x)


def around(x: Any, layer: Callable[[Any], Any]) -> Any:
    """A normalisation before, the input added after where the shape allows, and another one."""
    y = layer(norm(x))
    return norm(x + y if y.shape == x.shape else y)


def pooled(x: Any) -> Any:
    while len(x.shape) > 2:
        x = ops.mean(x, axis=1)
    return x


def stem(image: Any) -> Any:
    return keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(image)


def vector(x: Tensors, make: Make) -> Any:
    return make()(x["pixels"])


def of_a_class(x: Tensors, make: Make) -> Any:
    return ops.concatenate([make()(x["pixels"]) for _ in range(10)], axis=-1)


def hidden(x: Tensors, make: Make) -> Any:
    return make()(dense(x["pixels"], UNITS, "relu"))


def branch(x: Tensors, make: Make) -> Any:
    h = dense(x["pixels"], UNITS)
    return h + make()(dense(h, UNITS, "relu"))


def sequence(x: Tensors, make: Make) -> Any:
    return pooled(around(Places()(dense(x["rows"])), make()))


def image(x: Tensors, make: Make) -> Any:
    return pooled(make()(stem(x["image"])))


def blocks(x: Tensors, make: Make) -> Any:
    y, *products = make()([stem(x["image"])])
    return pooled(make()([y, *products])[0])


def mixer(x: Tensors, make: Make) -> Any:
    return pooled(around(stem(x["image"]), make()))


def halves(x: Tensors, make: Make) -> Any:
    return make()([x["left"], x["right"]])


def condition(x: Tensors, make: Make) -> Any:
    return keras.layers.ReLU()(make()([dense(x["left"], UNITS), x["right"]]))


def image_condition(x: Tensors, make: Make) -> Any:
    return pooled(keras.layers.ReLU()(make()([stem(x["left_image"]), x["right"]])))


def fields(x: Tensors, make: Make) -> Any:
    ids = x["fields"] + LEVELS * np.arange(16, dtype="int32")
    return make()(keras.layers.Embedding(16 * LEVELS, 8)(ids))


def ids(x: Tensors, make: Make) -> Any:
    return make()(x["fields"])


def plane(x: Tensors, make: Make) -> Any:
    return make()(x["plane"])


@dataclass(frozen=True)
class Frame:
    """What stands between the input and the layer, and between the layer and ten outputs."""

    build: Callable[[Tensors, Make], Any]
    told: str
    names: str


FRAMES = {
    "vector": Frame(
        vector,
        "the 64 pixels",
        "CrossNetwork FeatureCross GatedDense GatedMLP GatedResidual HadamardProduct Highway "
        "MixtureCross MuLayer PolynomialDense ProductOfPolynomials QuadraticDense StarOperation",
    ),
    "a class": Frame(of_a_class, "the 64 pixels, ten layers of one output", "FactorizationMachine"),
    "hidden": Frame(
        hidden,
        "after a dense layer of 32 with a ReLU",
        "DropConnect HardConcreteGate MaskedDense SimpleGate",
    ),
    "branch": Frame(branch, "`h + layer(relu(W h))` with `h` a dense layer", "DropPath LayerScale"),
    "sequence": Frame(
        sequence,
        "8 rows, a dense layer of 32 and learned places; the layer between two layer "
        "normalisations, its input added where the shapes agree; mean over the rows",
        "AFT FocalModulation1D GMLPBlock GatedConv1D GatedLinearAttention H3 HGRN HydraAttention "
        "HyenaOperator LinearAttention MinGRU MinLSTM MonarchMixer MultiplicativeLSTM "
        "PolySelfAttention QRNN RGLRU Retention SRU SimpleGatedLinearAttention SpatialGatingUnit",
    ),
    "image": Frame(
        image,
        "a convolution of 16 with a ReLU; mean over the pixels",
        "BilinearPooling2D CBAM2D CompactBilinearPooling2D DemoBlock2D "
        "DropBlock2D EfficientChannelAttention2D GatedConv2D "
        "GlobalResponseNormalization MaskedConv2D PartialConv2D PolyBlock PolynomialBlock2D "
        "PolynomialConv2D PolynomialResidualBlock2D SqueezeExcite2D StarBlock2D",
    ),
    "blocks": Frame(blocks, "as `image`, two of them", "DensePolynomialResidualBlock2D"),
    "mixer": Frame(
        mixer,
        "as `image`, the layer between two layer normalisations and its input added",
        "ConvolutionalModulation2D EfficientModulation2D FocalModulation2D GnConv2D "
        "LargeKernelAttention2D PolyNonLocal",
    ),
    "halves": Frame(
        halves,
        "the left and the right half, 32 pixels each",
        "BLOCK BilinearAttention BlockTucker CoPE ConcatFusion CrossModalGate GMU HadamardFusion "
        "LMF MCB MFB MFH MLB MRN MUTAN MultiplicativeInteraction SumFusion TensorFusion "
        "TuckerFusion",
    ),
    "condition": Frame(
        condition,
        "a dense layer of the left half, and the right half as the condition; a ReLU after",
        "ConditionalBatchNormalization ConditionalLayerNormalization FiLM",
    ),
    "image and condition": Frame(
        image_condition,
        "a convolution of 16 with a ReLU of the left half, and the right half as the condition; "
        "a ReLU and the mean over the pixels after",
        "AdaIN FiLMResidualBlock2D ModulatedConv2D SPADE",
    ),
    "fields": Frame(
        fields,
        "4 x 4 blocks of 5 levels, an embedding of 8 each",
        "AttentionalFactorizationMachine CompressedInteraction DotInteraction "
        "InnerProductInteraction OuterProductInteraction",
    ),
    "ids": Frame(ids, "4 x 4 blocks of 5 levels", "FieldAwareFactorizationMachine"),
    "plane": Frame(
        plane, "two coordinates, the first principal components", "FourierFilter GaborFilter"
    ),
}
FRAME_OF = {name: key for key, frame in FRAMES.items() for name in frame.names.split()}


def logits(name: str, inputs: Tensors, make: Make | None = None) -> Any:
    """The ten outputs of a layer in its frame."""
    y = FRAMES[FRAME_OF[name]].build(inputs, make or (lambda: made(name)))
    return y if FRAME_OF[name] == "a class" else keras.layers.Dense(10)(keras.layers.Flatten()(y))


class Inputs(dict[str, Any]):
    """Symbolic inputs, of those that are asked for."""

    def __missing__(self, key: str) -> Any:
        x = SEEN.inputs[key]
        self[key] = keras.Input(x.shape[1:], name=key, dtype=x.dtype)
        return self[key]


def joined(names: Sequence[str], seed: int, make: Make | None = None) -> keras.Model:
    """A model of (batch, heads, 10), a head for each layer: together they learn what each would.

    The optimiser looks at each weight alone, and the loss is the sum over the heads.
    """
    inputs, heads = Inputs(), []
    for name in names:
        keras.utils.set_random_seed(seed)
        heads.append(logits(name, inputs, make))
    return keras.Model(dict(inputs), ops.stack(heads, axis=1))


def summed(labels: Any, outputs: Any) -> Any:
    return ops.sum(of_each(labels, outputs), axis=1)


def of_each(labels: Any, outputs: Any) -> Any:
    wanted = ops.one_hot(ops.reshape(labels, (-1, 1)), 10, dtype=outputs.dtype)
    return -ops.sum(wanted * ops.log_softmax(outputs), axis=-1)


class LossOfEach(keras.metrics.Metric):
    """The mean loss of each head."""

    def __init__(self, heads: int) -> None:
        super().__init__(name="each")
        self.total = self.add_variable((heads,), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, labels: Any, outputs: Any, sample_weight: Any = None) -> None:
        losses = of_each(labels, outputs)
        self.total.assign_add(ops.sum(losses, axis=0))
        self.count.assign_add(ops.cast(ops.shape(losses)[0], "float32"))

    def result(self) -> Any:
        return self.total / self.count


def trained(
    names: Sequence[str],
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
    make: Make | None = None,
) -> dict[str, tuple[float, float]]:
    """The share of right answers on what is held out, and the loss in the last epoch."""
    model, results = joined(names, seeds[0], make), []
    optimizer = keras.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, summed, metrics=[LossOfEach(len(names))])
    for seed in seeds:
        # Begins anew; what is compiled stays, which takes as long as the training.
        model.set_weights(joined(names, seed, make).get_weights())
        for variable in optimizer.variables:
            if variable is not optimizer.learning_rate:
                variable.assign(ops.zeros_like(variable))
        keras.utils.set_random_seed(seed)
        history = model.fit(SEEN.of(model), SEEN.labels, BATCH, epochs, verbose=0)
        outputs = model.predict(HELD_OUT.of(model), len(HELD_OUT.labels), verbose=0)
        right = np.argmax(outputs, axis=-1) == HELD_OUT.labels[:, None]
        results.append((right.mean(0), history.history["each"][-1]))
    means = np.mean(results, axis=0)
    return {name: (float(a), float(b)) for name, a, b in zip(names, *means, strict=True)}


@dataclass(frozen=True)
class Row:
    name: str
    accuracy: float
    loss: float
    seconds: float


def row(name: str) -> Row:
    start = time.perf_counter()
    accuracy, loss = trained([name])[name]
    return Row(name, accuracy, loss, time.perf_counter() - start)


def rows(names: Sequence[str]) -> list[Row]:
    """The rows of the layers, two of them at a time."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        found = []
        for made_row in pool.map(row, names):
            print(line(made_row), flush=True)
            found.append(made_row)
    return found


def line(row: Row) -> str:
    return (
        f"| `{row.name}` | {FRAME_OF[row.name]} | {100 * row.accuracy:.1f} | {row.loss:.3f} | "
        f"{row.seconds:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the layers with their defaults.")
    parser.add_argument("layers", nargs="*", metavar="LAYER", help="all of them if none is named")
    options = parser.parse_args()
    rows(options.layers or list(FRAME_OF))


if __name__ == "__main__":
    main()
