"""A program that compiles every op, and its gradient, as XLA does for users, and compares."""

import tensorflow as tf

from harness.forward_mode import gradient_of
from harness.op_cases import CASES
from harness.op_checks import TOLERANCE, assert_near
from keras_hadamard.config import eager_compile_scope


def results(tensors):
    """The op and its gradient, by case."""
    return {
        name: [case.function(*tensors[name]), *gradient_of(case.function)(*tensors[name])]
        for name, case in CASES.items()
    }


def main() -> None:
    tensors = {name: case.tensors() for name, case in CASES.items()}
    with eager_compile_scope(False):
        expected = results(tensors)
    compiled = tf.function(results, jit_compile=True, autograph=False)(tensors)
    for name, values in expected.items():
        got = tf.nest.flatten(compiled[name])
        for one, other in zip(tf.nest.flatten(values), got, strict=True):
            assert_near(other, one, TOLERANCE["float64"], name)
    print(f"equal: {len(compiled)}")


if __name__ == "__main__":
    main()
