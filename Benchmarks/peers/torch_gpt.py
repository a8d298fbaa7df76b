"""A GPT in PyTorch, as nanoGPT has it, and how it is trained on characters: what Heed's recipe char-gpt is compared with."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class GPTSettings:
    """Dimensions; `activation` as `gelu` calls its approximation."""

    vocabulary: int
    length: int
    layers: int
    heads: int
    width: int
    bias: bool = False
    activation: str = "none"


@dataclass(frozen=True)
class Recipe:
    """The model, and how it is trained: AdamW with warm-up and cosine, clipped gradients, no dropout."""

    layers: int = 4
    heads: int = 4
    width: int = 128
    length: int = 64
    batch: int = 12
    steps: int = 2000
    rate: float = 1e-3
    least_rate: float = 1e-4
    warmup: int = 100
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0

    def rate_at(self, step: int) -> float:
        if step < self.warmup:
            return self.rate * (step + 1) / (self.warmup + 1)
        share = (step - self.warmup) / (self.steps - self.warmup)
        return self.least_rate + 0.5 * (1 + math.cos(math.pi * share)) * (self.rate - self.least_rate)


class Block(nn.Module):
    """Causal self-attention and a feed-forward network, each behind a layer norm and added to what came in."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        width, bias = settings.width, settings.bias
        self.settings = settings
        self.first_norm = nn.LayerNorm(width, bias=bias)
        self.projections = nn.Linear(width, 3 * width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)
        self.second_norm = nn.LayerNorm(width, bias=bias)
        self.expand = nn.Linear(width, 4 * width, bias=bias)
        self.contract = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.projections(self.first_norm(x)).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.settings.heads, -1).transpose(1, 2) for part in parts)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.contract(functional.gelu(self.expand(self.second_norm(x)), approximate=self.settings.activation))


class GPT(nn.Module):
    """Token and position embeddings, blocks, a last norm; the output layer is the token embedding."""

    def __init__(self, settings: GPTSettings) -> None:
        super().__init__()
        self.tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.positions = nn.Embedding(settings.length, settings.width)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width, bias=settings.bias)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                last = name.endswith(("output.weight", "contract.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * settings.layers) if last else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def loss_of(model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def validation_loss(model: GPT, tokens: Tensor, length: int) -> float:
    """The mean over all windows that follow each other through the tokens."""
    count = (len(tokens) - 1) // length
    inputs = tokens[: count * length].view(count, length)
    targets = tokens[1: count * length + 1].view(count, length)
    total = 0.0
    with torch.inference_mode():
        for begin in range(0, count, 32):
            part = inputs[begin: begin + 32]
            total += float(loss_of(model, part, targets[begin: begin + 32])) * len(part)
    return total / count


def train(text: str, recipe: Recipe, seed: int) -> tuple[float, float]:
    """The validation loss after all steps, and the seconds that the steps took."""
    torch.manual_seed(seed)
    alphabet = sorted(set(text))
    number = {character: index for index, character in enumerate(alphabet)}
    tokens = torch.tensor([number[character] for character in text])
    split = int(0.9 * len(tokens))
    training, validation = tokens[:split], tokens[split:]
    model = GPT(GPTSettings(len(alphabet), recipe.length, recipe.layers, recipe.heads, recipe.width))
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas, fused=True)
    generator = np.random.default_rng(seed)
    begin = time.perf_counter()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step)
        starts = generator.integers(len(training) - recipe.length, size=recipe.batch)
        inputs = torch.stack([training[start: start + recipe.length] for start in starts])
        targets = torch.stack([training[start + 1: start + recipe.length + 1] for start in starts])
        loss = loss_of(model, inputs, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
    seconds = time.perf_counter() - begin
    return validation_loss(model, validation, recipe.length), seconds
