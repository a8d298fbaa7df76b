"""Every case, and cases as the comparison sends them to the workers."""

from __future__ import annotations

from attention_cases import Attention, attention_cases
from cases import Case
from recurrent_cases import Recurrent, recurrent_cases
from training_cases import Training, training_cases

KINDS: dict[str, type[Case]] = {kind.kind: kind for kind in (Attention, Recurrent, Training)}


def operation_cases() -> list[Case]:
    """What is measured unless told otherwise."""
    return [*attention_cases(), *recurrent_cases()]


def all_cases() -> list[Case]:
    """What can be asked for by name: the operations, and training steps of whole models, which take minutes."""
    return [*operation_cases(), *training_cases()]


def case_from_json(values: dict[str, object]) -> Case:
    """What `Case.to_json` gave."""
    return KINDS[str(values["kind"])](**{key: value for key, value in values.items() if key != "kind"})
