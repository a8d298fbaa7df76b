#!/usr/bin/env python3
"""Models of Heed in PyTorch, under the same names of weights: proves that either reads what the other writes.

    python3 interchange.py write                 writes char-lstm.safetensors and char-gpt.safetensors beside this file: weights that
                                                 PyTorch made, tokens, and the scores that PyTorch computes. InterchangeTests reads them
    python3 interchange.py check DIR TEXT        loads what `heed train char-gpt|char-lstm --data TEXT --out DIR` wrote, model and
                                                 checkpoints, with safetensors.torch, and compares the validation loss with metrics.jsonl

Needs torch and safetensors.
"""
import json
import math
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))


class CharLSTM(torch.nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers):
        super().__init__()
        self.tokens = torch.nn.Embedding(vocabulary, embedding)
        self.lstm = torch.nn.LSTM(embedding, hidden, layers, batch_first=True)
        self.output = torch.nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        return self.output(self.lstm(self.tokens(ids))[0])


class CharGPT(torch.nn.Module):
    """The output layer is the table of tokens."""

    def __init__(self, vocabulary, length, width, heads, layers):
        super().__init__()
        self.tokens = torch.nn.Embedding(vocabulary, width)
        self.positions = torch.nn.Embedding(length, width)
        self.blocks = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True, bias=False)
            for _ in range(layers))
        self.norm = torch.nn.LayerNorm(width, bias=False)

    def forward(self, ids):
        length = ids.shape[1]
        x = self.tokens(ids) + self.positions.weight[:length]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(length)
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return self.norm(x) @ self.tokens.weight.T


def write():
    torch.manual_seed(20170612)
    models = {"char-lstm": CharLSTM(11, 6, 8, 2), "char-gpt": CharGPT(11, 9, 8, 2, 2)}
    for name, model in models.items():
        ids = torch.randint(0, 11, (2, 9))
        # As PyTorch starts them, but for what it starts at ones and zeros, which would hide a name that was mixed up.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
            scores = model.double()(ids).float()
        save_file({"ids": ids.int(), "scores": scores, **{"model." + k: v.float() for k, v in model.state_dict().items()}},
                  os.path.join(HERE, name + ".safetensors"), metadata={"format": "pt", "torch": torch.__version__})


def model_of(config, vocabulary):
    s = config["settings"]
    if config["preset"] == "char-lstm":
        return CharLSTM(vocabulary, s["embedding"], s["hidden"], s["layers"])
    return CharGPT(vocabulary, s["length"], s["width"], s["heads"], s["layers"])


def validation_loss(model, ids, length):
    with torch.no_grad():
        windows = (len(ids) - 1) // length
        inputs = ids[:windows * length].view(windows, length)
        targets = ids[1:windows * length + 1].reshape(-1)
        scores = torch.cat([model(part) for part in inputs.split(32)])
        return torch.nn.functional.cross_entropy(scores.view(-1, scores.shape[-1]), targets).item()


def check(folder, text):
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    with open(os.path.join(folder, "metrics.jsonl")) as file:
        records = [json.loads(line) for line in file]
    text = open(text, encoding="utf-8", newline="").read()
    characters = sorted(set(text))
    number = {character: index for index, character in enumerate(characters)}
    ids = torch.tensor([number[character] for character in text])
    ids = ids[int((1 - 0.1) * len(ids)):]
    losses = {r["step"]: r["validation_loss"] for r in records if "validation_loss" in r}
    model = model_of(config, len(characters)).eval()
    failed = False
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".safetensors"):
            continue
        tensors = load_file(os.path.join(folder, name))
        weights = {key: value for key, value in tensors.items() if not key.startswith(("optimizer/", "carried/"))}
        model.load_state_dict(weights, strict=True)
        with safe_open(os.path.join(folder, name), "pt") as file:
            header = json.loads((file.metadata() or {}).get("heed.checkpoint", "{}"))
        # The model that is kept is that of the best evaluation.
        expected = losses[header["step"]] if header else min(losses.values())
        found = validation_loss(model, ids, config["settings"]["length"])
        error = abs(found - expected)
        failed |= not error < 1e-5 * max(1, expected) or math.isnan(found)
        print(f"{name}: {len(weights)} weights, validation loss {found:.6f} in PyTorch, {expected:.6f} in Heed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if sys.argv[1:] == ["write"]:
        write()
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        check(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
