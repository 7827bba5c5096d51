"""FiBiNET, MaskNet, FinalMLP and DIN: sizes, and what they are by the equations."""

import itertools
import json

import keras
import numpy as np
import pytest
from harness.properties import assert_close, float64, normal  # noqa: F401
from harness.tiny_models import COLUMNS

from keras_hadamard.models import (
    DIN,
    CategoryColumn,
    DeepCrossNetwork,
    FiBiNET,
    FinalMLP,
    MaskNet,
    NumberColumn,
    SequenceColumn,
)

FIELDS = [CategoryColumn("a", size=4), CategoryColumn("b", size=6), NumberColumn("c")]
EMBEDDINGS = 5 * 3 + 7 * 3 + 3
HISTORY = [CategoryColumn("item", size=4), SequenceColumn("seen", shares="item"), FIELDS[1]]
IDS = {"item": [1, 2, 3], "seen": [[2, 4, 1], [3, 0, 0], [0, 0, 0]], "b": [5, 0, 1]}
IDS = {name: np.array(values) for name, values in IDS.items()}


def inputs():
    return {"a": np.array([1, 0, 3]), "b": np.array([2, 6, 0]), "c": np.array([0.5, -1.0, 2.0])}


def dense(layer, x):
    kernel, *bias = (np.asarray(w) for w in layer.weights)
    return x @ kernel + (bias[0] if bias else 0)


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def norm(layer, x):
    gamma, beta = (np.asarray(w) for w in layer.weights)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta


def scrambled(model):
    for i, weight in enumerate(model.weights):
        value = normal(*weight.shape, seed=i)
        weight.assign(np.abs(value) if "variance" in weight.path else value)
    return model


def embedded(model):
    """The three fields of `inputs`, each (batch, 3)."""
    x = inputs()
    tables = [np.asarray(model.get_layer(f"{name}_embedding").weights[0]) for name in "abc"]
    return [tables[0][x["a"]], tables[1][x["b"]], x["c"][:, None] * tables[2]]


# FiBiNET.


@pytest.mark.parametrize(("kernels", "count"), [("all", 1), ("each", 2), ("interaction", 3)])
def test_fibinet_has_its_weights(kernels, count):
    model = FiBiNET(FIELDS, embedding_dim=3, bilinear_type=f"field_{kernels}", hidden_units=(4,))
    products, gates = 2 * count * 3 * 3, 2 * 3 * 1
    tower = (2 * 3 * 3 + 1) * 4 + (4 + 1)
    linear = 5 + 7 + 1
    assert model.count_params() == EMBEDDINGS + products + gates + tower + linear


@pytest.mark.parametrize("kernels", ["all", "each", "interaction"])
def test_fibinet_is_its_equation(kernels):
    model = scrambled(
        FiBiNET(FIELDS, embedding_dim=3, bilinear_type=f"field_{kernels}", hidden_units=(4,))
    )
    v = np.stack(embedded(model), 1)
    gates = model.get_layer("gates")
    a = relu(dense(gates.excite, relu(dense(gates.squeeze, v.mean(-1)))))
    parts = []
    for x, name in ((v, "products"), (v * a[..., None], "gated_products")):
        w = np.asarray(model.get_layer(name).matrices.weights[0])
        for n, (i, j) in enumerate(itertools.combinations(range(3), 2)):
            place = {"all": 0, "each": i, "interaction": n}[kernels]
            kernel = w[:, 3 * place : 3 * place + 3]
            parts.append((x[:, i] @ kernel) * x[:, j])
    y = relu(dense(model.get_layer("hidden_0"), np.concatenate(parts, -1)))
    x = inputs()
    weights = [np.asarray(model.get_layer(f"{name}_weight").weights[0]) for name in "abc"]
    linear = weights[0][x["a"]] + weights[1][x["b"]] + x["c"][:, None] * weights[2]
    expected = sigmoid(dense(model.get_layer("deep_logits"), y) + linear)
    assert_close(model(inputs()), expected)


# MaskNet.


@pytest.mark.parametrize("structure", ["serial", "parallel"])
def test_mask_net_is_its_equation(structure):
    model = scrambled(
        MaskNet(FIELDS, 2, 3, None, structure, blocks=3, block_units=4, ratio=2, hidden_units=(5,))
    )
    fields = embedded(model)
    e = np.concatenate(fields, -1)
    norms = (model.get_layer(f"{name}_norm") for name in "abc")
    normalized = np.concatenate([norm(*pair) for pair in zip(norms, fields, strict=True)], -1)
    h, outputs = normalized, []
    for n in range(3):
        block = model.get_layer(f"block_{n}")
        h = h if structure == "serial" else normalized
        mask = dense(block.mask_output, relu(dense(block.mask_hidden, e)))
        h = relu(norm(block.norm, dense(block.hidden, mask * h)))
        outputs.append(h)
    y = h if structure == "serial" else np.concatenate(outputs, -1)
    y = relu(dense(model.get_layer("hidden_0"), y))
    assert_close(model(inputs()), sigmoid(dense(model.get_layer("predictions"), y)), 1e-10)


@pytest.mark.parametrize("structure", ["serial", "parallel"])
def test_mask_net_has_its_weights(structure):
    model = MaskNet(FIELDS, 1, 3, structure=structure, blocks=2, block_units=4, ratio=2)

    def block(width):
        inner = 2 * width
        return (9 + 1) * inner + (inner + 1) * width + width * 4 + 2 * 4

    blocks = block(9) + block(4 if structure == "serial" else 9)
    top = (4 if structure == "serial" else 8) + 1
    assert model.count_params() == EMBEDDINGS + 3 * 2 * 3 + blocks + top


# FinalMLP.


@pytest.mark.parametrize("context", [(), ("a", "c")])
def test_final_mlp_is_its_equation(context):
    model = scrambled(
        FinalMLP(
            FIELDS,
            2,
            embedding_dim=3,
            first_units=(4,),
            second_units=(6,),
            first_context=context,
            gate_units=(5,),
        )
    )
    fields = embedded(model)
    e, streams = np.concatenate(fields, -1), []
    for stream, names in (("first", context), ("second", ())):
        if names:
            c = np.concatenate([fields["abc".index(name)] for name in names], -1)
        else:
            c = np.asarray(model.get_layer(f"{stream}_context").context)[None]
        hidden = relu(dense(model.get_layer(f"{stream}_gate_hidden_0"), c))
        gate = 2 * sigmoid(dense(model.get_layer(f"{stream}_gate"), hidden))
        streams.append(relu(dense(model.get_layer(f"{stream}_hidden_0"), gate * e)))
    logits = model.get_layer("logits")
    kernel = np.asarray(logits.kernel).reshape(2, 2, 3, 2)
    total = dense(logits.projections[0], streams[0]) + dense(logits.projections[1], streams[1])
    for head in range(2):
        x, y = streams[0][:, 2 * head : 2 * head + 2], streams[1][:, 3 * head : 3 * head + 3]
        total = total + np.einsum("bi,iju,bj->bu", x, kernel[head], y)
    assert_close(model(inputs()), sigmoid(total), 1e-11)


def test_final_mlp_has_its_weights():
    model = FinalMLP(FIELDS, 1, 3, None, (4,), (6,), gate_units=(5,))
    gates = 2 * (3 + (3 + 1) * 5 + (5 + 1) * 9)
    towers = (9 + 1) * 4 + (9 + 1) * 6
    assert model.count_params() == EMBEDDINGS + gates + towers + (4 + 6 + 1) + 4 * 6 // 2
    bare = FinalMLP(FIELDS, 1, 3, None, (4,), (6,), gate_units=None)
    assert model.count_params() - bare.count_params() == gates
    assert FinalMLP(FIELDS, None, 3, None, (4,), (6,)).output_shape == (None, 10)


# DIN.


@pytest.mark.parametrize("softmax", [False, True])
def test_din_is_its_equation(softmax):
    model = DIN(
        HISTORY,
        embedding_dim=3,
        attention_units=(4,),
        attention_activation="relu",
        use_softmax=softmax,
        hidden_units=(5,),
        activation="relu",
    )
    scrambled(model)
    items, others = (
        np.asarray(model.get_layer(f"{name}_embedding").weights[0]) for name in ("item", "b")
    )
    attention = model.get_layer("seen_attention")
    reads = []
    for item, seen in zip(IDS["item"], IDS["seen"], strict=True):
        t, h = items[item], items[seen[seen > 0]]
        both = np.concatenate([np.broadcast_to(t, h.shape), h, t - h, t * h], -1)
        a = dense(attention.score, relu(dense(attention.hidden[0], both)))[:, 0]
        if softmax and len(a):
            a = np.exp(a - a.max())
            a = a / a.sum()
        reads.append(a @ h)
    y = np.concatenate([items[IDS["item"]], reads, others[IDS["b"]]], -1)
    y = relu(dense(model.get_layer("hidden_0"), y))
    assert_close(model(IDS), sigmoid(dense(model.get_layer("predictions"), y)), 1e-11)


def test_dice_turns_at_the_mean_of_its_inputs():
    model = DIN(HISTORY, embedding_dim=3, attention_units=(4,), hidden_units=(5,))
    scrambled(model)
    dice = model.get_layer("hidden_dice_0")
    mean, variance, alpha = (
        np.asarray(w) for w in (dice.norm.moving_mean, dice.norm.moving_variance, dice.alpha)
    )
    x = normal(3, 5)
    p = sigmoid((x - mean) / np.sqrt(variance + 1e-9))
    assert_close(dice(x), p * x + alpha * (1 - p) * x)


def test_din_has_its_weights():
    model = DIN(HISTORY, embedding_dim=3, attention_units=(4,), hidden_units=(5,))
    embeddings, attention = 5 * 3 + 7 * 3, (12 + 1) * 4 + 4 + (4 + 1)
    tower = (9 + 1) * 5 + 5 + (5 + 1)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == embeddings + attention + tower


def test_the_target_of_a_sequence_may_be_named():
    columns = [*HISTORY, CategoryColumn("other", shares="item")]
    model = DIN(columns, embedding_dim=3, targets={"seen": "other"}, hidden_units=(5,))
    scrambled(model)
    ids = {**IDS, "other": np.array([4, 4, 4])}
    moved = {**IDS, "other": np.array([2, 2, 2])}
    cut = keras.Model(model.inputs, model.get_layer("seen_attention").output)
    assert np.abs(np.asarray(cut(ids)) - np.asarray(cut(moved)))[0].max() > 1e-3
    assert_close(cut(ids), cut({**ids, "item": np.array([4, 4, 4])}))


WRONG = {
    "one field": lambda: FiBiNET(FIELDS[:1]),
    "unknown kernels": lambda: FiBiNET(FIELDS, bilinear_type="none"),
    "no ratio": lambda: FiBiNET(FIELDS, ratio=0),
    "a width that is a number": lambda: FiBiNET(FIELDS, hidden_units=4),
    "an unknown structure": lambda: MaskNet(FIELDS, structure="both"),
    "no blocks": lambda: MaskNet(FIELDS, blocks=0),
    "heads that do not divide": lambda: FinalMLP(FIELDS, second_units=(5,)),
    "no tower": lambda: FinalMLP(FIELDS, first_units=()),
    "a context that is no column": lambda: FinalMLP(FIELDS, first_context=("d",)),
    "no sequence": lambda: DIN(FIELDS),
    "a target that is no category": lambda: DIN(HISTORY, targets={"seen": "seen"}),
    "a target of another width": lambda: DIN(
        [*HISTORY, CategoryColumn("d", size=3, embedding_dim=2)], targets={"seen": "d"}
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told(wrong):
    with pytest.raises(ValueError, match=r"Expected .*Received: "):
        WRONG[wrong]()


@pytest.mark.parametrize("kind", [DeepCrossNetwork, FiBiNET, MaskNet, FinalMLP, DIN])
def test_a_regularizer_of_the_embeddings(kind):
    model = kind(COLUMNS, embedding_dim=3, embedding_regularizer=keras.regularizers.L2(0.5))
    again = kind.from_config(json.loads(json.dumps(model.get_config())))
    for each in (model, again):
        # The two categories and the number; FiBiNET has a weight of each as well.
        assert len(each.losses) == (6 if kind is FiBiNET else 3)
    table = np.asarray(model.get_layer("item_embedding").weights[0])
    assert any(np.isclose(loss, 0.5 * np.sum(table**2)) for loss in model.losses)


@pytest.mark.parametrize("kind", [FiBiNET, MaskNet, FinalMLP, DIN])
def test_columns_of_unequal_widths_and_several_classes(kind):
    model = kind(COLUMNS, 4, embedding_dim=6)
    assert model.output_shape == (None, 4)
    assert len(model.encode({"price": [1], "item": [2], "city": ["x"], "history": [[1]]})) == 4
    assert kind(COLUMNS, None).output_shape[-1] > 4
