"""Attention: forward over sequences, backward, and decoding one query over caches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cases import Array, Arrays, Operation, normal


@dataclass(frozen=True)
class Attention(Operation):
    """One attention: queries `[1, heads, query_length, head_dim]` over as many heads of keys and values."""

    kind = "attention"

    heads: int
    query_length: int
    key_length: int
    head_dim: int
    causal: bool = False
    backward: bool = False
    # How many pairs of keys and values take turns.
    copies: int = 1

    @property
    def description(self) -> str:
        if self.cold:
            return f"decode, {self.key_length} keys, D {self.head_dim}"
        form = "causal" if self.causal else "full"
        return f"{form}{' backward' if self.backward else ''}, N {self.query_length}, D {self.head_dim}"

    @property
    def operations(self) -> float:
        """`4 H Nq Nk D`, of a causal mask only the pairs that are seen; 2.5 times that backward."""
        pairs = self.query_length * self.key_length
        if self.causal:
            pairs -= self.query_length * (self.query_length - 1) // 2
        return 4.0 * self.heads * pairs * self.head_dim * (2.5 if self.backward else 1.0)

    def shortened(self) -> Attention:
        lengths = (1, 1013) if self.query_length == 1 else (197, 197)
        return replace(self, query_length=lengths[0], key_length=lengths[1], copies=1)

    def operands(self, seed: int = 1) -> list[Arrays]:
        generator = np.random.default_rng(seed)
        # Where there are many copies, the same numbers again and again, from another place in each array.
        numbers = generator.standard_normal(262_139 if self.cold else 1, dtype=np.float32)

        def array(length: int) -> Array:
            shape = (1, self.heads, length, self.head_dim)
            if self.cold:
                return np.resize(np.roll(numbers, generator.integers(numbers.size)), shape)
            return normal(generator, *shape)

        queries = array(self.query_length)
        sets = [{"query": queries, "key": array(self.key_length), "value": array(self.key_length)} for _ in range(self.copies)]
        if self.backward:
            sets[0]["cotangent"] = array(self.query_length)
        return sets

    def answer(self, operands: Arrays) -> Arrays:
        """`softmax(Q K^T / sqrt(D)) V`, or its gradients."""
        queries, keys, values = (operands[name].astype(np.float64) for name in ("query", "key", "value"))
        scale = 1 / math.sqrt(self.head_dim)
        scores = queries @ keys.swapaxes(-1, -2) * scale
        if self.causal:
            scores[..., np.triu(np.ones(scores.shape[-2:], dtype=bool), k=1)] = -np.inf
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        output = weights @ values
        if not self.backward:
            return {"output.output": output}
        cotangent = operands["cotangent"].astype(np.float64)
        delta = (cotangent * output).sum(axis=-1, keepdims=True)
        scores_gradient = weights * (cotangent @ values.swapaxes(-1, -2) - delta)
        return {
            "output.output": output, "gradient.query": scale * scores_gradient @ keys,
            "gradient.key": scale * scores_gradient.swapaxes(-1, -2) @ queries,
            "gradient.value": weights.swapaxes(-1, -2) @ cotangent}

    def heed(self, repeats: int) -> list[str]:
        sizes = ["--heads", self.heads, "--key-length", self.key_length, "--head-dim", self.head_dim, "--repeats", repeats]
        words = [str(word) for word in sizes]
        if self.cold:
            return ["bench", "decode", *words]
        words += ["--query-length", str(self.query_length)] + (["--causal"] if self.causal else [])
        if self.backward:
            return ["bench", "attention", "--direction", "backward", "--arms", "tiled", *words]
        return ["bench", "attention", "--arms", "automatic", *words]

    def conformance(self) -> dict[str, object]:
        return {"op": "attention", "attrs": {"causal": self.causal, "causal_alignment": "upper_left"}}


def causal_bias(case: Attention) -> Array:
    """`[1, 1, Nq, Nk]`: 0 where a query sees a key, the lowest float elsewhere."""
    hidden = np.triu(np.ones((case.query_length, case.key_length), dtype=bool), k=1)
    return np.where(hidden, np.finfo(np.float32).min, np.float32(0)).astype(np.float32)[None, None]


def attention_cases() -> list[Attention]:
    cases = [Attention(f"full {length}", 8, length, length, 64) for length in (128, 512, 1024, 2048, 4096)]
    cases.append(Attention("full 1024 D 128", 8, 1024, 1024, 128))
    cases += [Attention(f"causal {length}", 8, length, length, 64, causal=True) for length in (1024, 4096)]
    # A GiB of keys and values together, until Heed tells how many it takes on this machine.
    cases += [Attention(f"decode {length}", 8, 1, length, 64, copies=(1 << 18) // length) for length in (8192, 32768)]
    cases += [Attention(f"backward {length}", 8, length, length, 64, backward=True) for length in (1024, 4096)]
    cases.append(Attention("backward causal 1024", 8, 1024, 1024, 64, causal=True, backward=True))
    return cases
