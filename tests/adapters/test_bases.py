"""Adapters on what is more than a kernel: Keras's own LoRA, masks, tied weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from adapters.adapted_models import ADAPTERS, Block, shake

from keras_hadamard import adapters, layers, pruning

L = keras.layers


def checked(model, x, name, **kwargs):
    """The adapted model: it begins as the base, and is the merged one."""
    base = np.asarray(model(x))
    adapted = adapters.apply(model, ADAPTERS[name], **kwargs)
    np.testing.assert_allclose(adapted(x), base, rtol=1e-5, atol=1e-6)
    shake(adapted)
    moved = np.asarray(adapted(x))
    assert np.abs(moved - base).max() > 1e-3
    merged = adapters.merge(adapted)
    np.testing.assert_allclose(merged(x), moved, rtol=1e-4, atol=2e-5)
    back = adapters.unmerge(merged, adapted)
    np.testing.assert_allclose(back(x), base, rtol=1e-4, atol=2e-5)
    return adapted


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


WITH_LORA = {
    "dense": (lambda: L.Dense(4, activation="tanh"), floats(3, 6)),
    "einsum": (lambda: L.EinsumDense("bc,cde->bde", (2, 3), bias_axes="de"), floats(3, 6)),
    "embedding": (lambda: L.Embedding(9, 4), np.arange(6).reshape(2, 3)),
    "conv": (lambda: L.Conv2D(4, 2), floats(2, 4, 4, 3)),
    "gated dense": (lambda: layers.GatedDense(4, lora_rank=2), floats(3, 6)),
    "gated mlp": (lambda: layers.GatedMLP(4, lora_rank=2), floats(3, 6)),
}


@pytest.mark.parametrize("name", ["lora", "loha", "hira", "ia3_weights", "dora"])
@pytest.mark.parametrize("kind", WITH_LORA)
def test_a_base_with_keras_own_lora(kind, name):
    make, x = WITH_LORA[kind]
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=x.dtype), make()])
    if not any("lora" in w.name for w in model.weights):
        model.layers[0].enable_lora(2)
    factors = [w for w in model.weights if "lora" in w.name]
    assert factors
    rng = np.random.default_rng(1)
    for factor in factors:
        factor.assign(rng.normal(size=factor.shape))
    if name == "ia3_weights" and kind in ("gated dense", "gated mlp", "embedding"):
        name = "lora"
    checked(model, x, name)


def pruned_images(structure=None):
    model = keras.Sequential([keras.Input((5, 5, 3)), L.Conv2D(4, 2, activation="relu")])
    for layer in (L.Conv2D(4, 2), L.Flatten(), L.Dense(6, activation="gelu"), L.Dense(2)):
        model.add(layer)
    return pruning.prune(model, 0.75, structure=structure)


@pytest.mark.parametrize("structure", [None, "filter"])
@pytest.mark.parametrize("name", ["lora", "loha", "hira", "abba", "ia3_weights", "dora"])
def test_zeros_of_a_pruned_base_stay(name, structure, tmp_path):
    pruned, x = pruned_images(structure), floats(3, 5, 5, 3)
    report = pruning.sparsity_report(pruned)
    adapted = checked(pruned, x, name)
    adapted.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(x), adapted(x))
    merged = adapters.merge(adapted)
    assert pruning.sparsity_report(merged).sparsity == report.sparsity
    before = np.asarray(merged(x))
    # A step of no size at all: whatever a mask hides would go now.
    merged.compile(keras.optimizers.SGD(0.0), "mse")
    merged.fit(x, before, verbose=0)
    np.testing.assert_allclose(merged(x), before, rtol=1e-6, atol=1e-7)
    for kernel, mask in merged.get_masks().items():
        zeros = pruning.strip(merged) if structure is None else merged.model
        weights = {"/".join(w.path.split("/")[-2:]): np.asarray(w) for w in zeros.weights}
        assert not weights[kernel][~mask].any()


def test_a_stripped_base_is_filled():
    stripped, x = pruning.strip(pruned_images()), floats(3, 5, 5, 3)
    merged = adapters.merge(checked(stripped, x, "lora"))
    assert pruning.sparsity_report(merged).sparsity < 0.1


def test_an_adapted_model_is_merged_before_it_is_pruned():
    model = keras.Sequential([keras.Input((6,)), L.Dense(4)])
    adapted = adapters.apply(model, adapters.LoRA(2))
    with pytest.raises(ValueError, match=r"Prune what `adapters\.merge` returns"):
        pruning.prune(adapted, 0.5)
    assert pruning.sparsity_report(pruning.prune(adapters.merge(adapted), 0.5)).sparsity == 0.5


class Tied(keras.Model):
    """Looks up embeddings, and multiplies by them at the end."""

    def __init__(self):
        super().__init__()
        self.table = L.Embedding(7, 4, name="table")
        self.dense = L.Dense(4, name="dense")

    def call(self, ids):
        hidden = self.dense(self.table(ids))
        return keras.ops.matmul(hidden, keras.ops.transpose(self.table.embeddings))


@pytest.mark.parametrize("name", ["lora", "loha", "hira", "dora"])
def test_tied_embeddings_are_adapted_wherever_they_are_read(name):
    model, ids = Tied(), np.arange(6).reshape(2, 3)
    model(ids)
    checked(model, ids, name)


def quantised(mode):
    ids = keras.Input((6,), dtype="int32")
    x = L.Embedding(11, 7)(ids)
    x = L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")(x)
    x = L.Dense(7)(L.GlobalAveragePooling1D()(x))
    model = keras.Model(ids, L.Dense(3)(x))
    model.quantize(mode)
    return model


@pytest.mark.parametrize("name", ["lora", "loha", "ia3_weights"])
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.filterwarnings("ignore:Invalid quantization mode")
def test_quantised_bases_of_any_layer(mode, name, tmp_path):
    model, ids = quantised(mode), np.arange(18).reshape(3, 6) % 11
    adapted = adapters.apply(model, ADAPTERS[name])
    np.testing.assert_array_equal(adapted(ids), model(ids))
    # Of the kernel that is computed with, and not of how it is packed.
    views = [adaptable.view for adaptable in adapted.adaptable_kernels]
    assert sorted(views) == [(1, 5, 7), (1, 7, 3), (1, 7, 5), (1, 11, 7)]
    shake(adapted)
    expected = np.asarray(adapted(ids))
    assert np.abs(expected - model(ids)).max() > 1e-3
    adapted.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(ids), expected)
    adapted.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    served = exported.serve(tf.constant(ids, "int32"))
    np.testing.assert_allclose(served, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="prune before `quantize`"):
        pruning.prune(model, 0.5)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_quantised_attention_is_copied():
    """Its configuration does not say that its layers are quantised: Keras itself loads no such."""
    x = keras.Input((6, 4))
    model = keras.Model(x, L.MultiHeadAttention(2, 3)(x, x))
    model.quantize("int8")
    data = floats(2, 6, 4)
    np.testing.assert_array_equal(adapters.apply(model, adapters.LoRA(2))(data), model(data))


def test_losses_count_once_where_the_first_call_finds_a_kernel_that_others_read():
    model, x = Block(), floats(2, 3)
    model.first.activity_regularizer = keras.regularizers.L2(0.1)
    model.build((None, 3))
    adapted = adapters.AdaptedModel(model)
    adapted.add("lora", adapters.LoRA(2))
    adapted.activate("lora")
    losses = []
    for _ in range(2):
        adapted(x)
        losses.append([float(loss) for loss in adapted.losses])
    assert losses[0] == losses[1] and len(losses[0]) == 1
