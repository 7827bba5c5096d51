"""The network that completes images, by each of its convolutions."""

import keras
import numpy as np
import pytest

from keras_hadamard.layers import GatedConv2D, PartialConv2D
from keras_hadamard.models import InpaintingUNet

SMALL = {"input_shape": (None, None, 3), "filters": (4, 5), "kernel_sizes": (5, 3)}
EVERY = pytest.mark.parametrize("convolution", ["partial", "gated", "plain"])


def inputs(height=16, width=12, share=0.6, seed=0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(2, height, width, 3)).astype("float32")
    mask = (rng.random((2, height, width, 1)) < share).astype("float32")
    return {"image": image, "mask": mask}


def make(convolution, **kwargs):
    keras.utils.set_random_seed(1)
    return InpaintingUNet(convolution=convolution, **{**SMALL, **kwargs})


@EVERY
def test_only_the_holes_are_filled(convolution):
    given = inputs()
    known = np.broadcast_to(given["mask"], given["image"].shape) > 0
    y = np.asarray(make(convolution)(given))
    np.testing.assert_array_equal(y[known], given["image"][known])
    assert np.abs(y[~known]).min() > 0
    assert np.std(y[~known]) > 1e-3


@EVERY
def test_what_stands_in_the_holes_does_not_matter(convolution):
    model, given = make(convolution), inputs()
    other = {**given, "image": given["image"] + 100 * (1 - given["mask"])}
    np.testing.assert_array_equal(model(given), model(other))


@EVERY
def test_any_multiple_is_a_size(convolution):
    model = make(convolution)
    assert model.output_shape == (None, None, None, 3)
    for height, width in ((4, 4), (8, 20)):
        assert model(inputs(height, width)).shape == (2, height, width, 3)


def test_without_a_known_pixel_partial_convolutions_fill_nothing():
    given = inputs(share=0.0)
    for convolution in ("partial", "plain"):
        model = make(convolution)
        # Biases and shifts that are not zero.
        model.set_weights([np.abs(w) + 0.1 for w in model.get_weights()])
        assert np.any(model(given)) == (convolution == "plain")


def test_masks_travel_with_the_features():
    model = make("partial")
    partial = [layer for layer in model.layers if isinstance(layer, PartialConv2D)]
    assert len(partial) == 4 and all(layer.multi_channel for layer in partial)
    # One known pixel: what two steps of the encoder have filled is what the decoder may use.
    mask = np.zeros((1, 64, 64, 1), "float32")
    mask[0, 32, 32] = 1
    y = np.asarray(model({"image": np.ones((1, 64, 64, 3), "float32"), "mask": mask}))
    filled = np.argwhere(np.abs(y[0]).sum(-1) > 0)
    reach = np.abs(filled - 32).max()
    assert 4 < reach < 20


def test_gated_convolutions_and_a_plain_end():
    gated = make("gated")
    kinds = [type(layer) for layer in gated.layers if layer.weights]
    assert kinds[:-1] == [GatedConv2D] * 3 and not issubclass(kinds[-1], GatedConv2D)


def test_the_published_size():
    model = InpaintingUNet()
    encoder, sizes = (64, 128, 256, 512, 512, 512, 512, 512), (7, 5, 5, 3, 3, 3, 3, 3)
    count, width = 0, 3
    for filters, size in zip(encoder, sizes, strict=True):
        # A bias, or a scale and a shift.
        count += size**2 * width * filters + (2 if width > 3 else 1) * filters
        width = filters
    for skip in (512, 512, 512, 512, 256, 128, 64):
        count += 9 * (width + skip) * skip + 2 * skip
        width = skip
    count += 9 * (width + 3) * 3 + 3
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == count
    assert model.output_shape == (None, 256, 256, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"convolution": "partly"}, "convolution"),
        ({"filters": ()}, "filters"),
        ({"kernel_sizes": (5,)}, "one odd size"),
        ({"kernel_sizes": (4, 3)}, "one odd size"),
        ({"input_shape": (16, 18, 3)}, "multiples of 4"),
        ({"input_shape": (16, 16)}, "input_shape"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        InpaintingUNet(**{**SMALL, **arguments})
