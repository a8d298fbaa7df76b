"""The peers: each computes a problem in its own words, in every way it has, on its own copy of the operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cases import Arrays, Case, Operation
from training_cases import Training

# A prepared problem: computes operands `index` and leaves the answer where the engine puts it.
Run = Callable[[int], object]
# Turns what a run gave into arrays by the names of the case's answer.
Reading = Callable[[object], Arrays]


class Engine(Protocol):
    """A peer with its library loaded."""

    version: str

    def variants(self, case: Case) -> list[str]:
        """The names of the ways this engine can compute a case; none where it cannot."""

    def prepare(self, variant: str, case: Operation, operands: list[Arrays]) -> tuple[Run, Reading]:
        """Binds the operands."""

    def prepare_training(self, case: Training, small: bool = False) -> tuple[Run, int]:
        """A step of the case's model, of `small` of one of its kind that takes no time; and how many parameters it has."""


def make_engine(name: str, threads: int) -> Engine:
    """The engine of this name.

    Raises ImportError where its library is not installed.
    """
    if name == "onnxruntime":
        from onnx_engine import OnnxRuntime

        return OnnxRuntime(threads)
    if name == "openvino":
        from openvino_engine import OpenVino

        return OpenVino(threads)
    from pytorch_engine import PyTorch

    return PyTorch(threads, compiled=name == "pytorch-compile")
