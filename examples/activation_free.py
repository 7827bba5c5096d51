"""Networks without activations: what a product does for a network of convolutions.

A residual network without its activations is a linear map, however deep: at best it is the linear
classifier. Multiply two of its branches in each block, and it is a polynomial of a degree that
doubles with every block, still without an activation. Handwritten digits are set down at random
places of a larger field, which a linear map cannot follow.

All convolutional networks have about the same number of parameters, and five seeds each. Beside the
two in question, a residual network with and without ReLU, stand a Pi-net, an R-PolyNet
(without the maxima and DropBlock of the published one, so that it is a polynomial) and a MONet.

    python examples/activation_free.py [--quick] [--out DIR]

writes activation_free.csv (accuracy on the test digits, one row a run) and activation_free.png.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import keras
import matplotlib
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from keras_hadamard.layers import PolynomialResidualBlock2D
from keras_hadamard.models import MONet

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FIELD, CLASSES, STAGES = 12, 10, 3


def digits(copies: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and test digits, each digit of the training set at several places of the field."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1200], order[1200:]
    return placed(images, labels, np.repeat(train, copies)), placed(images, labels, test)


def placed(images: np.ndarray, labels: np.ndarray, which: np.ndarray) -> tuple:
    rng = np.random.default_rng(len(which))
    fields = np.zeros((len(which), FIELD, FIELD, 1), "float32")
    corners = rng.integers(0, FIELD - 8 + 1, (len(which), 2))
    for field, image, (top, left) in zip(fields, images[which], corners, strict=True):
        field[top : top + 8, left : left + 8] = image
    return fields, labels[which]


def linear_classifier(width: int) -> keras.Model:
    del width
    return keras.Sequential(
        [keras.Input((FIELD, FIELD, 1)), layers.Flatten(), layers.Dense(CLASSES, "softmax")]
    )


def of_blocks(block: Callable[..., keras.layers.Layer]) -> Callable[[int], keras.Model]:
    """A stem and a block a stage, each stage twice as wide and half as large as the one before."""

    def build(width: int) -> keras.Model:
        x = inputs = keras.Input((FIELD, FIELD, 1))
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        for stage in range(STAGES):
            x = block(width * 2**stage, strides=1 if stage == 0 else 2)(x)
        x = layers.GlobalAveragePooling2D()(x)
        return keras.Model(inputs, layers.Dense(CLASSES, "softmax")(x))

    return build


def residual(activation: str | None) -> Callable[..., Callable]:
    """Only the residual block, in stock layers."""

    def block(filters: int, strides: int) -> Callable:
        def apply(x):
            def stage(x, size, strides=1):
                x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
                return layers.BatchNormalization()(x)

            shortcut = x if x.shape[-1] == filters else stage(x, 1, strides)
            y = layers.Activation(activation or "linear")(stage(x, 3, strides))
            y = layers.Add()([stage(y, 3), shortcut])
            return layers.Activation(activation or "linear")(y)

        return apply

    return block


def pi_net(filters: int, strides: int) -> keras.layers.Layer:
    return PolynomialResidualBlock2D(
        filters, strides, product_convolutions=0, alpha_initializer=None
    )


def r_poly_net(filters: int, strides: int) -> keras.layers.Layer:
    return PolynomialResidualBlock2D(
        filters,
        strides,
        normalization="instance_batch",
        kernel_initializer=keras.initializers.VarianceScaling(16, "fan_in", "untruncated_normal"),
    )


def monet(width: int) -> keras.Model:
    return MONet(
        input_shape=(FIELD, FIELD, 1),
        classes=CLASSES,
        filters=(4 * width,),
        blocks=(2,),
        patch_size=1,
    )


NETWORKS: dict[str, Callable[[int], keras.Model]] = {
    "linear classifier": linear_classifier,
    "residual, linear": of_blocks(residual(None)),
    "residual, ReLU": of_blocks(residual("relu")),
    "Pi-net": of_blocks(pi_net),
    "R-PolyNet": of_blocks(r_poly_net),
    "MONet": monet,
}


# What the quick form trains.
QUICK = ("linear classifier", "residual, linear", "MONet")


def fitting(make: Callable[[int], keras.Model], parameters: int) -> int:
    """The width whose number of trainable parameters is nearest to the budget."""
    if make is linear_classifier:
        return 0
    low, high = 1, 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(make(middle)) <= parameters else (low, middle)
    return min((low, high), key=lambda width: abs(size(make(width)) - parameters))


def size(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def accuracy(make: Callable, width: int, seed: int, data: tuple, epochs: int) -> float:
    (x, y), test = data
    keras.utils.set_random_seed(seed)
    model = make(width)
    steps = epochs * (len(x) // 64)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return float(model.evaluate(*test, batch_size=256, verbose=0)[1])


def spread_of(runs: list[float]) -> float:
    """The standard deviation over the seeds, none where there is one."""
    return float(np.std(runs, ddof=1)) if len(runs) > 1 else 0.0


def draw(results: dict[str, list[float]], samples: np.ndarray, path: Path) -> None:
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4), gridspec_kw={"width_ratios": (1, 2)}
    )
    tiles = samples[:16, ..., 0].reshape(4, 4, FIELD, FIELD).transpose(0, 2, 1, 3)
    left.imshow(tiles.reshape(4 * FIELD, 4 * FIELD), cmap="gray_r")
    left.set_xticks(np.arange(0, 4 * FIELD, FIELD) - 0.5, [])
    left.set_yticks(np.arange(0, 4 * FIELD, FIELD) - 0.5, [])
    left.grid(color="tab:gray", linewidth=0.5)
    left.set_title("digits at random places")
    for i, (name, runs) in enumerate(results.items()):
        mean, spread = 100 * np.mean(runs), 100 * spread_of(runs)
        right.barh(i, mean, xerr=spread, color="tab:blue" if "linear" not in name else "tab:gray")
        right.text(mean + spread + 1, i, f"{mean:.1f} ± {spread:.1f}", va="center")
    right.set_yticks(range(len(results)), list(results))
    right.invert_yaxis()
    right.set(xlabel="accuracy on test digits (%)", xlim=(0, 115))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny networks, one seed")
    parser.add_argument("--out", type=Path, default=Path("runs/activation_free"))
    options = parser.parse_args()
    quick = options.quick
    parameters, seeds, copies, epochs = (2_000, 1, 1, 2) if quick else (20_000, 5, 8, 10)
    options.out.mkdir(parents=True, exist_ok=True)

    data = digits(copies)
    print(f"{len(data[0][0])} training and {len(data[1][0])} test images, {seeds} seeds")
    print(f"{'network':<18} {'parameters':>10} {'accuracy':>16}")
    results = {}
    with open(options.out / "activation_free.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "parameters", "seed", "test_accuracy"])
        for name in QUICK if quick else NETWORKS:
            make = NETWORKS[name]
            width = fitting(make, parameters)
            count = size(make(width))
            results[name] = [accuracy(make, width, s, data, epochs) for s in range(seeds)]
            writer.writerows((name, count, s, f"{a:.4f}") for s, a in enumerate(results[name]))
            mean, spread = 100 * np.mean(results[name]), 100 * spread_of(results[name])
            print(f"{name:<18} {count:>10,} {mean:>8.1f} ± {spread:>3.1f} %", flush=True)
    draw(results, data[1][0], options.out / "activation_free.png")

    linear = np.mean(results["linear classifier"])
    for name in ("residual, linear", "Pi-net", "R-PolyNet", "MONet"):
        if name not in results:
            continue
        gain = 100 * (np.mean(results[name]) - linear)
        print(f"{name} against the linear classifier: {gain:+.1f} points.")
    if not quick:
        assert abs(np.mean(results["residual, linear"]) - linear) < 0.1
        for name in ("Pi-net", "R-PolyNet", "MONet"):
            assert np.mean(results[name]) > linear + 0.2, f"{name} is no better than linear"


if __name__ == "__main__":
    main()
