"""What the engines are compared on: problems of several kinds, operations among them with their operands and the exact answer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

Array = np.ndarray
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Case(ABC):
    """One problem in float32. Subclasses are frozen dataclasses of JSON values."""

    name: str

    # How the worker tells the kinds apart.
    kind: ClassVar[str]
    # How many sets of operands take turns; more than 1 keeps them out of the processor's caches.
    copies = 1

    def to_json(self) -> dict[str, object]:
        return {"kind": self.kind, **asdict(self)}

    @property
    def cold(self) -> bool:
        """Whether operands have to come from memory, so that bandwidth is the limit."""
        return self.copies > 1

    @property
    @abstractmethod
    def description(self) -> str:
        """For a table's first column."""

    @property
    @abstractmethod
    def operations(self) -> float:
        """Floating point operations, as the command `heed bench` counts them."""

    @abstractmethod
    def heed(self, repeats: int) -> list[str]:
        """The arguments of the command heed that measure this case."""


class Operation(Case):
    """A function of arrays whose answer can be computed in float64: every engine's is held against it before it is timed."""

    @abstractmethod
    def shortened(self) -> Operation:
        """The same kind of problem, small enough for a float64 answer at once, with sizes that no tile divides."""

    @abstractmethod
    def operands(self, seed: int = 1) -> list[Arrays]:
        """Random operands by name, `copies` times."""

    @abstractmethod
    def answer(self, operands: Arrays) -> Arrays:
        """What an engine has to give for them, `output.NAME` and `gradient.NAME`, in float64."""

    @abstractmethod
    def conformance(self) -> dict[str, object]:
        """`op` and `attrs` of the case for `heed verify`."""


def fewest_timings(seconds: float) -> int:
    """How many timings a turn takes at least, of runs so long: what takes a second is long over the caches that others left."""
    return 1 if seconds > 1 else 3


def error(computed: Arrays, expected: Arrays) -> float:
    """The largest `max |x - r| / max |r|`; infinite where something is missing, not finite or of another shape."""
    worst = 0.0
    for name, exact in expected.items():
        array = computed.get(name)
        if array is None or array.shape != exact.shape or not np.isfinite(array).all():
            return math.inf
        worst = max(worst, float(np.abs(array - exact).max() / np.abs(exact).max()))
    return worst


def normal(generator: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (scale * generator.standard_normal(shape)).astype(np.float32)
