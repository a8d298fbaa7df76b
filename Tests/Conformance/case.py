"""What a case is made of."""

import dataclasses
from typing import Callable

import torch


@dataclasses.dataclass
class Case:
    inputs: dict
    attributes: dict
    function: Callable  # of the inputs by name, to the outputs by name
    constants: tuple = ()  # float inputs that have no gradient
    differentiable: bool = True


def normal(*shape, scale=1.0):
    return torch.randn(*shape) * scale
