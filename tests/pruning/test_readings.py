"""Inputs that kernels are multiplied by, in layers of every kind, and the models they are in."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.pruning._readings import readings_of

SEED = np.random.default_rng(9)
L = keras.layers
LAYERS = {
    "dense": (L.Dense(5), (4, 6)),
    "einsum": (L.EinsumDense("abc,cde->abde", (None, 2, 3)), (4, 6)),
    "einsum joining heads": (L.EinsumDense("abcd,cde->abe", (None, 5)), (4, 2, 3)),
    "einsum of each head": (L.EinsumDense("abhd,hde->abhe", (None, 2, 5)), (4, 2, 3)),
    "einsum, outputs first": (L.EinsumDense("...x,yx->...y", 5), (3, 6)),
    "einsum summing": (L.EinsumDense("abc,cd->ad", 5), (4, 6)),
    "conv1d": (L.Conv1D(4, 3, strides=2, padding="same"), (8, 6)),
    "conv1d causal": (L.Conv1D(4, 3, dilation_rate=2, padding="causal"), (8, 6)),
    "conv2d": (L.Conv2D(4, (3, 2), strides=(2, 1), padding="same"), (6, 5, 3)),
    "conv2d valid": (L.Conv2D(4, 3, strides=2), (8, 7, 3)),
    "conv2d dilated": (L.Conv2D(4, 3, dilation_rate=2, padding="same"), (8, 7, 3)),
    "conv2d in groups": (L.Conv2D(4, 3, groups=2), (6, 5, 6)),
    "conv3d": (L.Conv3D(2, 2), (3, 4, 3, 2)),
    "depthwise1d": (L.DepthwiseConv1D(3, depth_multiplier=2), (8, 3)),
    "depthwise2d": (L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2), (8, 7, 3)),
}


def built(layer, shape):
    model = keras.Sequential([keras.Input(shape), type(layer).from_config(layer.get_config())])
    return model, SEED.standard_normal((2, *shape)).astype("float32")


@pytest.mark.parametrize("name", LAYERS)
def test_rows_times_the_kernel_are_the_outputs(name):
    model, x = built(*LAYERS[name])
    kernels = kernels_of(model)
    (reading,) = readings_of(model, kernels, "wanda")
    kernel = np.asarray(kernels[0].variable)
    groups = reading.to_groups(kernel)
    np.testing.assert_array_equal(reading.from_groups(groups, kernel.shape), kernel)
    outputs = np.einsum("ngk,gko->ngo", reading.rows(x), groups)
    if name == "einsum summing":
        # It is the sum over one axis of the inputs that the kernel is multiplied by.
        outputs = outputs.reshape(2, -1, 5).sum(axis=1)
    np.testing.assert_allclose(outputs.ravel(), np.ravel(model(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer", [L.SeparableConv1D(5, 3), L.SeparableConv2D(5, 3, padding="same")]
)
def test_both_halves_of_a_separable_convolution(layer):
    shape = (8, 3) if isinstance(layer, L.SeparableConv1D) else (6, 5, 3)
    model, x = built(layer, shape)
    depthwise, pointwise = readings_of(model, kernels_of(model), "wanda")
    mine = model.layers[0]
    middle = np.einsum(
        "ngk,gko->ngo", depthwise.rows(x), depthwise.to_groups(np.asarray(mine.depthwise_kernel))
    )
    rows = pointwise.rows(x)
    np.testing.assert_allclose(middle.ravel(), rows.ravel(), rtol=1e-4, atol=1e-5)
    outputs = rows[:, 0] @ pointwise.to_groups(np.asarray(mine.pointwise_kernel))[0]
    np.testing.assert_allclose(outputs.ravel(), np.ravel(model(x)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("criterion", ["wanda", "sparsegpt"])
@pytest.mark.parametrize("name", [*LAYERS, "attention"])
def test_every_kind_of_layer_is_pruned_output_by_output(criterion, name):
    if name == "attention":
        inputs = keras.Input((4, 6))
        model = keras.Model(inputs, L.MultiHeadAttention(2, 3)(inputs, inputs))
        x = SEED.standard_normal((8, 4, 6)).astype("float32")
    else:
        model, x = built(*LAYERS[name])
    pruned = pruning.prune(model, 0.5, criterion=criterion, calibration=x, verbose=0)
    for kernel, reading in zip(pruned._kernels, pruned._criterion.readings, strict=True):
        mask = reading.to_groups(pruned.get_masks()[kernel.path])
        gone = (~mask).sum(axis=1)
        if criterion == "wanda":
            assert (gone == mask.shape[1] // 2).all()
        else:
            assert (gone.sum(axis=1) == mask.shape[1] * mask.shape[2] // 2).all()
        assert not np.asarray(kernel.variable)[~pruned.get_masks()[kernel.path]].any()


def test_recurrent_layers_have_the_inputs_of_one_kernel():
    model = keras.Sequential([keras.Input((5, 4)), L.Bidirectional(L.LSTM(3)), L.Dense(2)])
    x = SEED.standard_normal((8, 5, 4)).astype("float32") * np.array([1, 9, 2, 5], "float32")
    arguments = {"criterion": "wanda", "calibration": x, "verbose": 0}
    with pytest.raises(ValueError, match=r"Leave these out with `exclude`.*recurrent_kernel"):
        pruning.prune(model, 0.5, **arguments)
    pruned = pruning.prune(model, 0.5, exclude="recurrent", **arguments)
    norms = np.sqrt(np.square(x).mean((0, 1)))
    for variable in pruned.masks.norms[:2]:
        # Every step of a sequence counts once.
        np.testing.assert_allclose(np.asarray(variable)[0], norms, rtol=1e-5)


class Own(keras.Model):
    """A model that calls one layer twice, by the name of its argument."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = L.Dense(6, name="dense")
        self.inner = keras.Sequential([L.Dense(6, name="inside")])

    def call(self, x):
        return self.inner(self.dense(inputs=self.dense(x)))


def test_shared_layers_in_subclassed_and_nested_models():
    x = SEED.standard_normal((16, 6)).astype("float32")
    own = Own()
    own(x)
    inputs = keras.Input((6,))
    nested = keras.Model(inputs, Own(name="own")(inputs))
    nested.set_weights(own.get_weights())
    for model in (own, nested):
        pruned = pruning.prune(model, 0.5, criterion="wanda", calibration=x, verbose=0)
        middle = np.asarray(own.dense(x))
        both = np.concatenate([x, middle])
        np.testing.assert_allclose(
            np.asarray(pruned.masks.norms[0])[0], np.sqrt(np.square(both).mean(0)), rtol=1e-4
        )
        # The layers call as before.
        assert all("call" not in vars(layer) for layer in model._flatten_layers())


class Twice(L.Dense):
    def call(self, inputs):
        return super().call(2 * inputs)


class Reader(L.Layer):
    """A layer that reads another's kernel and never calls it."""

    def build(self, shape):
        self.inner = L.Dense(3, name="inner")
        self.inner.build(shape)

    def call(self, x):
        return keras.ops.matmul(x, self.inner.kernel)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"calibration": None}, "`calibration` to be inputs.*Received: calibration=None"),
        ({"calibration": 3}, "`calibration` to be inputs"),
        ({"calibration": np.zeros((0, 6))}, "at least 1"),
        ({"calibration": [np.zeros((2, 6)), np.zeros((3, 6))]}, "the same number of examples"),
        ({"calibration": iter([])}, "at least one batch"),
        ({"calibration": np.zeros((2, 7))}, r"can be called on\. Received: shapes=\(2, 7\)"),
        ({"calibration": np.full((2, 6), np.nan)}, "finite inputs.*'a/kernel'"),
        ({"batch_size": 0}, "`batch_size` to be a positive"),
        ({"block_size": 8}, "`block_size` only with criterion 'sparsegpt'.*'wanda'"),
        ({"criterion": "sparsegpt", "block_size": 0}, "`block_size` to be a positive"),
        ({"criterion": "sparsegpt", "damping": -1}, "`damping` to be a number"),
        ({"criterion": "sparsegpt", "damping": 0.0}, "more `damping`.*'a/kernel'"),
        ({"criterion": "magnitude"}, "`calibration` only with criterion 'wanda' or 'sparsegpt'"),
        ({"structure": "filter"}, "None or 'N:M' with criterion 'wanda'"),
        ({"scope": "global"}, "scope 'layer' with criterion 'wanda'"),
        (
            {"criterion": "sparsegpt", "schedule": pruning.PolynomialDecay(0.5, 9)},
            "one sparsity from step 0 on",
        ),
    ],
)
def test_bad_calibration(arguments, message):
    model = keras.Sequential([keras.Input((6,)), L.Dense(3, name="a")])
    given = {"schedule": 0.5, "criterion": "wanda", "calibration": np.ones((2, 6), "float32")}
    with pytest.raises(ValueError, match=message):
        pruning.prune(model, **{**given, **arguments, "verbose": 0})


def test_kernels_whose_inputs_are_not_known():
    x = np.ones((2, 6), "float32")
    for layer, message in ((Twice(3, name="twice"), "twice/kernel"), (Reader(), "inner/kernel")):
        model = keras.Sequential([keras.Input((6,)), layer, L.Dense(2, name="last")])
        with pytest.raises(ValueError, match=f"with `exclude`.*{message}"):
            pruning.prune(model, 0.5, criterion="wanda", calibration=x, verbose=0)
        pruned = pruning.prune(
            model, 0.5, criterion="wanda", calibration=x, exclude=message, verbose=0
        )
        assert list(pruned.get_masks()) == ["last/kernel"]


def test_no_schedule_goes_on_without_data():
    model = keras.Sequential([keras.Input((6,)), L.Dense(3)])
    for criterion in ("wanda", "sparsegpt"):
        pruned = pruning.PrunedModel(keras.models.clone_model(model), 0.5, criterion=criterion)
        with pytest.raises(ValueError, match=r"PrunedModel\.calibrate"):
            pruned.update_masks(0)
    with pytest.raises(ValueError, match="a model pruned by criterion"):
        pruning.prune(model, 0.5).calibrate(np.ones((2, 6)))
