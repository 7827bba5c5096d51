"""Inpainting: three ways for a convolution to know what is missing.

Strokes are painted over photographs, and a network is to fill them. What a convolution makes of a
window that is partly missing is the question. A plain one takes the holes for grey pixels and has
to learn from the mask, which it sees as one more channel, that they are none. A partial one leaves
them out by a rule: it sums over the known pixels, weights the sum up, and hands on a mask with
smaller holes. A gated one learns the rule: every feature of every pixel is multiplied by a gate.

The three networks are one frame, `InpaintingUNet`, and of about the same size. They are trained on
the left two thirds of five photographs and fill crops of the right third, which they have not seen.
Beside them stand the mean of the known pixels, and biharmonic inpainting, which solves an equation
for each hole and learns nothing: what small networks learn from five photographs does not reach it.

    python examples/inpainting.py [--quick] [--out DIR] [--seeds N]

writes inpainting.csv (a row for each network and seed) and inpainting.png.
"""

import argparse
import csv
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import inpaint_biharmonic

from keras_hadamard.models import InpaintingUNet

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# These come with scikit-image itself.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")
NETWORKS = ("plain", "partial", "gated")


def photographs() -> list[np.ndarray]:
    """Photographs at half their size, each pixel the mean of four, with values within -1 and 1."""
    pictures = []
    for name in PHOTOGRAPHS:
        picture = getattr(data, name)()
        picture = picture[0] if isinstance(picture, tuple) else picture
        height, width = (n // 2 for n in picture.shape[:2])
        blocks = picture[: 2 * height, : 2 * width, :3].reshape(height, 2, width, 2, 3)
        pictures.append((blocks.mean((1, 3)) / 127.5 - 1).astype("float32"))
    return pictures


def strokes(rng: np.random.Generator, side: int) -> np.ndarray:
    """A mask with the holes of a few brush strokes: 1 at known pixels."""
    pixels = np.stack(np.indices((side, side)), -1)
    mask = np.ones((side, side, 1), "float32")
    for _ in range(rng.integers(3, 7)):
        start, angle = rng.uniform(0, side, 2), rng.uniform(0, 2 * np.pi)
        radius = rng.uniform(1 / 32, 1 / 14) * side
        for _ in range(rng.integers(2, 6)):
            angle += rng.normal(0, 0.8)
            step = rng.uniform(0.1, 0.3) * side * np.array([np.sin(angle), np.cos(angle)])
            # How far along the line its point nearest to each pixel lies.
            along = np.clip((pixels - start) @ step / (step @ step), 0, 1)
            mask[np.linalg.norm(pixels - start - along[..., None] * step, axis=-1) <= radius] = 0
            start = np.clip(start + step, 0, side)
    return mask


def training_batches(pictures, side: int, size: int, masks: np.ndarray, seed: int):
    """Crops of the left two thirds, mirrored or not, each under one of the masks."""
    rng = np.random.default_rng(seed)
    left = [picture[:, : 2 * picture.shape[1] // 3] for picture in pictures]
    while True:
        crops = []
        for n in rng.integers(0, len(left), size):
            top, start = (rng.integers(0, n - side + 1) for n in left[n].shape[:2])
            crop = left[n][top : top + side, start : start + side]
            crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
        yield np.stack(crops), masks[rng.integers(0, len(masks), size)]


def held_out_crops(pictures, side: int) -> np.ndarray:
    """The crops of the right third, from its outer edge, that do not overlap."""
    crops = []
    for picture in pictures:
        right = picture[:, 2 * picture.shape[1] // 3 :][:, -side:]
        tops = range(0, right.shape[0] - side + 1, side)
        crops += [right[top : top + side] for top in tops]
    return np.stack(crops)


def of_size(convolution: str, parameters: int, steps: int) -> keras.Model:
    """The network whose width brings it nearest to a number of parameters."""

    def make(width: int) -> keras.Model:
        filters = [width * min(2**i, 4) for i in range(steps)]
        return InpaintingUNet((None, None, 3), convolution, filters, [5] + [3] * (steps - 1))

    # The size grows with the square of the width.
    guess = round(8 * (parameters / make(8).count_params()) ** 0.5)
    near = [make(width) for width in range(max(1, guess - 1), guess + 2)]
    return min(near, key=lambda model: abs(model.count_params() - parameters))


def scores(filled: np.ndarray, crops: np.ndarray, masks: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM of the pixels in the holes, means over the crops."""
    ratios, similarities = [], []
    for got, wanted, mask in zip(np.clip(filled, -1, 1), crops, masks, strict=True):
        hole = mask[..., 0] == 0
        ratios.append(peak_signal_noise_ratio(wanted[hole], got[hole], data_range=2))
        _, similarity = structural_similarity(wanted, got, data_range=2, channel_axis=-1, full=True)
        similarities.append(similarity[hole].mean())
    return float(np.mean(ratios)), float(np.mean(similarities))


def train(model: keras.Model, batches, steps: int) -> None:
    # The known pixels of the output are right already, so this is the error in the holes.
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), "mae")
    for _ in range(steps):
        crops, masks = next(batches)
        model.train_on_batch({"image": crops * masks, "mask": masks}, crops)


def line(found: list[tuple]) -> str:
    """A line of the table: mean and spread over the seeds."""
    name, _, size, *_ = found[0]
    ratio, similarity, seconds = np.mean([row[3:] for row in found], 0)
    spread = np.std([row[3:5] for row in found], 0)
    return (
        f"{name:<16} {size:>10,} {ratio:>6.2f} ± {spread[0]:.2f} dB "
        f"{similarity:>7.3f} ± {spread[1]:.3f} {seconds:>8.0f}"
    )


def draw(crops, masks, answers, path: Path) -> None:
    shown = np.linspace(0, len(crops) - 1, 6).astype(int)
    columns = {"photograph": crops, "given": crops * masks + (1 - masks), **answers}
    figure, axes = plt.subplots(len(shown), len(columns), figsize=(1.9 * len(columns), 12))
    for row, n in zip(axes, shown, strict=True):
        for axis, (name, images) in zip(row, columns.items(), strict=True):
            axis.imshow((np.clip(images[n], -1, 1) + 1) / 2)
            axis.axis("off")
            title = name
            if name in answers:
                title += f"\n{scores(images[[n]], crops[[n]], masks[[n]])[0]:.1f} dB"
            axis.set_title(title, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small crops and few steps")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (default: 3)")
    parser.add_argument("--out", type=Path, default=Path("runs/inpainting"))
    options = parser.parse_args()
    side, halvings, parameters = (16, 2, 5_000) if options.quick else (64, 4, 200_000)
    seeds, steps, per_crop = (1, 5, 1) if options.quick else (options.seeds, 2_000, 4)
    options.out.mkdir(parents=True, exist_ok=True)

    pictures, rng = photographs(), np.random.default_rng(0)
    crops = np.repeat(held_out_crops(pictures, side), per_crop, 0)
    crops = crops[::20] if options.quick else crops
    masks = np.stack([strokes(rng, side) for _ in crops])
    pool = np.stack([strokes(rng, side) for _ in range(20 if options.quick else 1_000)])
    print(f"{len(crops)} held-out crops of {side} x {side}, {1 - masks.mean():.0%} of them holes")

    known = crops * masks
    means = known.sum((1, 2), keepdims=True) / masks.sum((1, 2), keepdims=True)
    answers = {
        "mean": known + means * (1 - masks),
        "biharmonic": np.stack(
            [
                inpaint_biharmonic(image, mask[..., 0] == 0, channel_axis=-1)
                for image, mask in zip(known, masks, strict=True)
            ]
        ),
    }
    print(f"{'holes filled by':<16} {'parameters':>10} {'PSNR':>16} {'SSIM':>15} {'seconds':>8}")
    rows = [(name, 0, 0, *scores(images, crops, masks), 0) for name, images in answers.items()]
    for row in rows:
        print(line([row]))
    for name in NETWORKS:
        found = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            model, start = of_size(name, parameters, halvings), time.perf_counter()
            train(model, training_batches(pictures, side, 8, pool, seed), steps)
            seconds = time.perf_counter() - start
            filled = np.asarray(model({"image": known, "mask": masks}))
            found.append((name, seed, model.count_params(), *scores(filled, crops, masks), seconds))
            answers.setdefault(name, filled)
        print(line(found), flush=True)
        rows += found
    with open(options.out / "inpainting.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["holes filled by", "seed", "parameters", "psnr", "ssim", "seconds"])
        writer.writerows((*r[:3], f"{r[3]:.3f}", f"{r[4]:.4f}", f"{r[5]:.0f}") for r in rows)
    draw(crops, masks, answers, options.out / "inpainting.png")
    if not options.quick:
        worst = min(row[3] for row in rows[2:])
        assert worst > rows[0][3] + 2, "a network that fills hardly better than the mean"


if __name__ == "__main__":
    main()
