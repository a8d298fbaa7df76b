"""Training steps of whole models on random tokens: forward, backward, clipping, AdamW; as `heed bench train` takes them."""

from __future__ import annotations

from dataclasses import dataclass

from cases import Case

DESCRIPTIONS = {
    "char-gpt": "char-gpt, 6 layers of 384, 8 x 256 tokens",
    "gpt2-124m": "gpt2-124m, 2 x 256 tokens",
    "char-lstm": "char-lstm, 2 layers of 256, 32 x 128 tokens",
    "seq2seq-bahdanau": "seq2seq-bahdanau, 8000 words, 64 x 20 tokens",
    "translator": "translator, 3 + 3 layers of 256, 64 x 20 tokens",
}


@dataclass(frozen=True)
class Training(Case):
    """A step of one of the models; its dimensions are those of CLI `heed bench train --model MODEL`."""

    kind = "training"

    model: str
    # As Heed tells them: every engine's model must have as many parameters, and a step of it counts as so many operations.
    parameters: int = 0
    work: float = 0.0

    @property
    def description(self) -> str:
        return DESCRIPTIONS[self.model]

    @property
    def operations(self) -> float:
        return self.work

    def heed(self, repeats: int) -> list[str]:
        return ["bench", "train", "--model", self.model, "--repeats", str(repeats)]


def training_cases() -> list[Training]:
    return [Training(f"train-{model}", model) for model in DESCRIPTIONS]
