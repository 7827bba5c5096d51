"""Configurations of the recurrences."""

from harness.layer_cases import IMAGE, SEQUENCE, VECTOR, LayerCase

from keras_hadamard.layers import (
    HGRN,
    QRNN,
    RGLRU,
    SRU,
    MinGRU,
    MinLSTM,
    MultiplicativeLSTM,
)


def _last(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), kwargs, mask="consumed", wrong_ranks=(VECTOR, IMAGE))


def _all(make: type, **kwargs: object) -> LayerCase:
    return LayerCase(make, (SEQUENCE,), {"return_sequences": True, **kwargs})


CASES = {
    "MinGRU": _last(MinGRU, units=4),
    "MinGRU-sequences": _all(MinGRU, units=4, activation="tanh"),
    "MinGRU-backwards": _last(MinGRU, units=4, go_backwards=True),
    "MinGRU-dropout": _all(MinGRU, units=4, activation=None, dropout=0.3, seed=1),
    "MinLSTM": _last(MinLSTM, units=4),
    "MinLSTM-sequences": _all(MinLSTM, units=4, activation=None, go_backwards=True),
    "HGRN": _last(HGRN, units=4),
    "HGRN-bounds": _all(HGRN, units=4, lower_bound=[0.25, 0.5], use_bias=False),
    "HGRN-state": _all(HGRN, units=4, lower_bound=0.5, output_gate=False),
    "RGLRU": _last(RGLRU),
    "RGLRU-heads": _all(RGLRU, units=4, heads=2, decay_range=(0.43, 0.992)),
    "QRNN": _last(QRNN, units=4),
    "QRNN-input": _all(QRNN, units=4, window=3, pooling="ifo", activation="relu"),
    "QRNN-forget": _all(QRNN, units=4, window=1, pooling="f"),
    "SRU": _last(SRU, units=4),
    "SRU-highway": _all(SRU, units=5, activation="tanh", highway_bias=-2.0, rescale=True),
    "SRU-peephole": _all(SRU, units=4, peephole=True),
    "MultiplicativeLSTM": _last(MultiplicativeLSTM, units=4),
    "MultiplicativeLSTM-inside": _all(
        MultiplicativeLSTM, units=3, activation=None, gate_inside=True, unit_forget_bias=False
    ),
}
