"""The attention problems that the engines are compared on, and the exact answer to each."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """One attention of float32 operands: queries `[1, heads, query_length, head_dim]` over as many heads of keys and values."""

    name: str
    heads: int
    query_length: int
    key_length: int
    head_dim: int
    causal: bool = False
    # How many pairs of keys and values take turns: 1, or as many as keep them out of the processor's caches.
    copies: int = 1

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def operations(self) -> float:
        """Floating point operations: `2 H Nq Nk (D + D)`, of a causal mask only the pairs that are seen."""
        pairs = self.query_length * self.key_length
        if self.causal:
            pairs -= self.query_length * (self.query_length - 1) // 2
        return 4.0 * self.heads * pairs * self.head_dim

    @property
    def cold(self) -> bool:
        """Whether keys and values have to come from memory."""
        return self.copies > 1

    def shortened(self) -> Case:
        """The same kind of problem, small enough for a float64 answer at once, with lengths that no tile divides."""
        lengths = (1, 1013) if self.query_length == 1 else (197, 197)
        return Case(self.name, self.heads, *lengths, self.head_dim, self.causal)


@dataclass
class Operands:
    """Queries, and one or more pairs of keys and values."""

    queries: Array
    caches: list[tuple[Array, Array]]

    @classmethod
    def random(cls, case: Case, seed: int = 1) -> Operands:
        """Normally distributed numbers; where there are many, the same ones again and again, from another place in each array."""
        generator = np.random.default_rng(seed)
        numbers = generator.standard_normal(262_139 if case.cold else 1, dtype=np.float32)

        def normal(length: int) -> Array:
            shape = (1, case.heads, length, case.head_dim)
            if case.cold:
                return np.resize(np.roll(numbers, generator.integers(numbers.size)), shape)
            return generator.standard_normal(shape, dtype=np.float32)

        queries = normal(case.query_length)
        return cls(queries, [(normal(case.key_length), normal(case.key_length)) for _ in range(case.copies)])


def answer(case: Case, operands: Operands) -> Array:
    """`softmax(Q K^T / sqrt(D)) V` in float64, over the first cache."""
    queries, keys, values = (array.astype(np.float64) for array in (operands.queries, *operands.caches[0]))
    scores = queries @ keys.swapaxes(-1, -2) / math.sqrt(case.head_dim)
    if case.causal:
        scores[..., np.triu(np.ones(scores.shape[-2:], dtype=bool), k=1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ values


def error(output: Array, expected: Array) -> float:
    """`max |x - r| / max |r|`; infinite where the output holds something not finite or has another shape."""
    if output.shape != expected.shape or not np.isfinite(output).all():
        return math.inf
    return float(np.abs(output - expected).max() / np.abs(expected).max())


def all_cases() -> list[Case]:
    """What is measured unless told otherwise."""
    cases = [Case(f"full {length}", 8, length, length, 64) for length in (128, 512, 1024, 2048, 4096)]
    cases.append(Case("full 1024 D 128", 8, 1024, 1024, 128))
    cases += [Case(f"causal {length}", 8, length, length, 64, causal=True) for length in (1024, 4096)]
    # A GiB of keys and values together, until Heed tells how many it takes on this machine.
    cases += [Case(f"decode {length}", 8, 1, length, 64, copies=(1 << 18) // length) for length in (8192, 32768)]
    return cases
