"""The models of `heed bench train` in PyTorch, as its users write them, and an optimiser step of each on random tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from torch_gpt import GPT, GPTSettings


class CharLSTM(nn.Module):
    """Layers of LSTM over embedded characters, and a linear output layer."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        states, state = self.lstm(self.tokens(tokens), state)
        return self.output(states), state


class AdditiveAttention(nn.Module):
    """`softmax_j(v^T tanh(Wq s_i + Wk e_j))` over the encoder's states, and their sum by these weights."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, encoded: Tensor) -> Tensor:
        compared = torch.tanh(self.query(states).unsqueeze(2) + self.key(encoded).unsqueeze(1))
        weights = self.score(compared).squeeze(3).softmax(dim=2)
        return weights @ encoded


class Seq2SeqBahdanau(nn.Module):
    """An LSTM reads, an LSTM writes from the reader's last state, and all its states attend to all of the reader's in one call."""

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.source = nn.Embedding(vocabulary, size, padding_idx=0)
        self.target = nn.Embedding(vocabulary, size, padding_idx=0)
        self.encoder = nn.LSTM(size, size, batch_first=True)
        self.decoder = nn.LSTM(size, size, batch_first=True)
        self.attention = AdditiveAttention(size)
        self.output = nn.Linear(2 * size, vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        encoded, state = self.encoder(self.source(source))
        states, _ = self.decoder(self.target(target), state)
        return self.output(torch.cat([states, self.attention(states, encoded)], dim=2))


class Translator(nn.Module):
    """`nn.Transformer` between embeddings with sinusoidal positions and a linear output layer; norms last, as its defaults."""

    def __init__(self, vocabulary: int, width: int, heads: int, layers: int, feed_forward: int, longest: int) -> None:
        super().__init__()
        self.width = width
        self.source = nn.Embedding(vocabulary, width, padding_idx=0)
        self.target = nn.Embedding(vocabulary, width, padding_idx=0)
        self.transformer = nn.Transformer(width, heads, layers, layers, feed_forward, dropout=0.0, batch_first=True)
        self.output = nn.Linear(width, vocabulary)
        angles = torch.arange(longest).unsqueeze(1) * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
        self.register_buffer("positions", torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1))
        self.register_buffer("causal", nn.Transformer.generate_square_subsequent_mask(longest))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        scale = math.sqrt(self.width)
        read = self.source(source) * scale + self.positions[: source.shape[1]]
        written = self.target(target) * scale + self.positions[: target.shape[1]]
        mask = self.causal[: target.shape[1], : target.shape[1]]
        return self.output(self.transformer(read, written, tgt_mask=mask, tgt_is_causal=True))


def cross_entropy(scores: Tensor, targets: Tensor, ignored: int = -100) -> Tensor:
    return functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=ignored)


@dataclass(frozen=True)
class Problem:
    """A model and the batches of its steps."""

    model: nn.Module
    vocabulary: int
    length: int
    batch: int

    def draw(self) -> tuple[Tensor, Tensor]:
        """Random tokens, and those behind them."""
        tokens = torch.randint(3, self.vocabulary, (self.batch, self.length + 1))
        return tokens[:, :-1], tokens[:, 1:]

    def loss(self, model: nn.Module, carried: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss of a batch, given the state that the step before carried on; and the state that this one does."""
        inputs, targets = self.draw()
        if isinstance(self.model, CharLSTM):
            scores, state = model(inputs, carried or None)
            return cross_entropy(scores, targets), tuple(part.detach() for part in state)
        if isinstance(self.model, GPT):
            return cross_entropy(model(inputs), targets), ()
        source, _ = self.draw()
        return cross_entropy(model(source, inputs), targets, ignored=0), ()


def make_problem(name: str, small: bool = False) -> Problem:
    """The problem of this name; `small`: the same with dimensions that take no time, to load the libraries' code with."""
    if name in ("char-gpt", "gpt2-124m"):
        settings = GPTSettings(vocabulary=65, length=256, layers=6, heads=6, width=384)
        if name == "gpt2-124m":
            settings = GPTSettings(50_257, 1024, 12, 12, 768, bias=True, activation="tanh")
        if small:
            settings = GPTSettings(65, 64, 1, 2, 64, settings.bias, settings.activation)
        length, batch = (64, 2) if small else (256, 2 if name == "gpt2-124m" else 8)
        return Problem(GPT(settings), settings.vocabulary, length, batch)
    size = 64 if small else 256
    if name == "char-lstm":
        return Problem(CharLSTM(65, size, size, 2), 65, 8 if small else 128, 2 if small else 32)
    vocabulary, length, batch = (100, 8, 2) if small else (8000, 20, 64)
    if name == "seq2seq-bahdanau":
        return Problem(Seq2SeqBahdanau(vocabulary, size), vocabulary, length, batch)
    return Problem(Translator(vocabulary, size, 8, 1 if small else 3, 4 * size, length), vocabulary, length, batch)


class Steps:
    """A problem at work: each call is an optimiser step."""

    def __init__(self, problem: Problem, compiled: bool) -> None:
        self._problem = problem
        self._model = torch.compile(problem.model) if compiled else problem.model
        self._parameters = list(problem.model.parameters())
        groups = [
            {"params": [p for p in self._parameters if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in self._parameters if p.dim() < 2], "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=1e-4, fused=True)
        self._carried: tuple[Tensor, ...] = ()

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self._parameters)

    def __call__(self, _: int = 0) -> float:
        loss, self._carried = self._problem.loss(self._model, self._carried)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ValueError(f"the loss is {value}")
        return value
