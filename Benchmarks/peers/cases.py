"""The attention problems that the engines are compared on, and the exact answer to each."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

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
    # Caches take turns, together more than four times the last cache, so that keys and values come from memory.
    cold: bool = False

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
    def cache_bytes(self) -> int:
        """Bytes of the keys and values."""
        return 2 * 4 * self.heads * self.key_length * self.head_dim

    @property
    def copies(self) -> int:
        """How many pairs of keys and values take turns."""
        return 4 * last_cache_bytes() // self.cache_bytes + 1 if self.cold else 1

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
        """Normally distributed numbers."""
        generator = np.random.default_rng(seed)

        def normal(length: int) -> Array:
            return generator.standard_normal((1, case.heads, length, case.head_dim), dtype=np.float32)

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


def last_cache_bytes() -> int:
    """The size of the processor's last cache; 32 MiB where the system does not tell."""
    sizes = [32 << 20]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        units = {"K": 10, "M": 20, "G": 30}
        sizes.append(int(text[:-1]) << units[text[-1]] if text[-1] in units else int(text))
    return max(sizes[1:], default=sizes[0])


def all_cases() -> list[Case]:
    """What is measured unless told otherwise."""
    cases = [Case(f"full {length}", 8, length, length, 64) for length in (128, 512, 1024, 2048, 4096)]
    cases.append(Case("full 1024, D 128", 8, 1024, 1024, 128))
    cases += [Case(f"causal {length}", 8, length, length, 64, causal=True) for length in (1024, 4096)]
    cases += [Case(f"decode {length}", 8, 1, length, 64, cold=True) for length in (8192, 32768)]
    return cases
