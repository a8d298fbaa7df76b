"""Recurrent networks of one layer over whole sequences, forward, and forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cases import Array, Arrays, Operation, normal

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Recurrent(Operation):
    """An RNN (tanh), LSTM or GRU (reset after the product) from a state of zeros; weights and gates in PyTorch's order."""

    kind = "recurrent"

    cell: str
    time: int
    batch: int
    input: int
    hidden: int
    both: bool = False

    @property
    def description(self) -> str:
        direction = "forward and backward" if self.both else "forward"
        return f"{self.cell.upper()} {direction}, T {self.time}, batch {self.batch}, hidden {self.hidden}"

    @property
    def operations(self) -> float:
        """`2 T B H (I + H)` a gate; forward and backward 3 times the forward."""
        products = self.time * self.batch * self.hidden * (self.input + self.hidden)
        return 2.0 * GATES[self.cell] * products * (3.0 if self.both else 1.0)

    def shortened(self) -> Recurrent:
        return replace(self, time=11, batch=min(self.batch, 3), input=29, hidden=37)

    def operands(self, seed: int = 1) -> list[Arrays]:
        generator = np.random.default_rng(seed)
        rows, scale = GATES[self.cell] * self.hidden, self.hidden**-0.5
        operands = {
            "input": normal(generator, self.batch, self.time, self.input),
            "weight_ih_l0": normal(generator, rows, self.input, scale=scale),
            "weight_hh_l0": normal(generator, rows, self.hidden, scale=scale),
            "bias_ih_l0": normal(generator, rows, scale=scale), "bias_hh_l0": normal(generator, rows, scale=scale)}
        if self.both:
            operands["cotangent"] = normal(generator, self.batch, self.time, self.hidden)
        return [operands]

    def answer(self, operands: Arrays) -> Arrays:
        """The hidden states of all steps and, back through time, the gradients."""
        x = {name: array.astype(np.float64) for name, array in operands.items()}
        weights, recurrent = x["weight_ih_l0"], x["weight_hh_l0"]
        step = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}[self.cell]
        state = [np.zeros((self.batch, self.hidden)) for _ in range(2 if self.cell == "lstm" else 1)]
        outputs, pullbacks, befores = [], [], []
        for time in range(self.time):
            befores.append(state[0])
            a = x["input"][:, time] @ weights.T + x["bias_ih_l0"]
            b = state[0] @ recurrent.T + x["bias_hh_l0"]
            state, pullback = step(a, b, state)
            outputs.append(state[0])
            pullbacks.append(pullback)
        answers = {"output.output": np.stack(outputs, axis=1)}
        if not self.both:
            return answers
        gradients = {name: np.zeros_like(array) for name, array in x.items() if name != "cotangent"}
        carried = [np.zeros_like(array) for array in state]
        for time in reversed(range(self.time)):
            carried[0] = carried[0] + x["cotangent"][:, time]
            da, db, carried = pullbacks[time](carried)
            carried[0] = carried[0] + db @ recurrent
            gradients["input"][:, time] = da @ weights
            gradients["weight_ih_l0"] += da.T @ x["input"][:, time]
            gradients["weight_hh_l0"] += db.T @ befores[time]
            gradients["bias_ih_l0"] += da.sum(axis=0)
            gradients["bias_hh_l0"] += db.sum(axis=0)
        return answers | {f"gradient.{name}": array for name, array in gradients.items()}

    def heed(self, repeats: int) -> list[str]:
        sizes = ["--time", self.time, "--batch", self.batch, "--input", self.input, "--hidden", self.hidden, "--repeats", repeats]
        direction = "both" if self.both else "forward"
        return ["bench", "recurrent", "--cell", self.cell, "--direction", direction, *(str(word) for word in sizes)]

    def conformance(self) -> dict[str, object]:
        attributes: dict[str, object] = {"layers": 1, "bidirectional": False, "batch_first": True}
        if self.cell == "gru":
            attributes["reset_after"] = True
        if self.cell == "rnn":
            attributes["nonlinearity"] = "tanh"
        return {"op": self.cell, "attrs": attributes}


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


# A step takes what input and state give to the gates, and the state; it gives the new state, and what takes the new state's gradient to
# those of the three.


def _rnn(a: Array, b: Array, state: list[Array]) -> tuple:
    h = np.tanh(a + b)

    def pullback(carried: list[Array]) -> tuple:
        d = carried[0] * (1 - h * h)
        return d, d, [np.zeros_like(h)]

    return [h], pullback


def _lstm(a: Array, b: Array, state: list[Array]) -> tuple:
    i, f, g, o = np.split(a + b, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    before = state[1]
    c = f * before + i * g
    t = np.tanh(c)

    def pullback(carried: list[Array]) -> tuple:
        dh, dc = carried[0], carried[1] + carried[0] * o * (1 - t * t)
        parts = [dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)]
        d = np.concatenate(parts, axis=1)
        return d, d, [np.zeros_like(dh), dc * f]

    return [o * t, c], pullback


def _gru(a: Array, b: Array, state: list[Array]) -> tuple:
    (ar, az, an), (br, bz, bn) = np.split(a, 3, axis=1), np.split(b, 3, axis=1)
    r, z = _sigmoid(ar + br), _sigmoid(az + bz)
    n = np.tanh(an + r * bn)
    before = state[0]

    def pullback(carried: list[Array]) -> tuple:
        dh = carried[0]
        dn = dh * (1 - z) * (1 - n * n)
        dr, dz = dn * bn * r * (1 - r), dh * (before - n) * z * (1 - z)
        return np.concatenate([dr, dz, dn], axis=1), np.concatenate([dr, dz, dn * r], axis=1), [dh * z]

    return [(1 - z) * n + z * before], pullback


def recurrent_cases() -> list[Recurrent]:
    cases = [Recurrent(f"{cell} {batch}", cell, 128, batch, 256, 256) for cell in ("lstm", "gru") for batch in (1, 32)]
    return cases + [Recurrent(f"{cell} both 32", cell, 128, 32, 256, 256, both=True) for cell in ("lstm", "gru", "rnn")]
