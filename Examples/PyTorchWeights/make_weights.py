#!/usr/bin/env python3
"""Writes weights.safetensors: an LSTM and a Transformer encoder layer of PyTorch with random weights, an input, and what they make of it.

     pip install torch safetensors numpy && ./make_weights.py
"""
import torch
from safetensors.torch import save_file

torch.manual_seed(1)
reader = torch.nn.LSTM(6, 8, num_layers=2, bidirectional=True, batch_first=True)
layer = torch.nn.TransformerEncoderLayer(16, 4, dim_feedforward=32, batch_first=True).eval()
words = torch.randn(2, 5, 6)
with torch.no_grad():
    read, _ = reader(words)
    seen = layer(read, src_key_padding_mask=torch.tensor([[False] * 5, [False] * 3 + [True] * 2]))
tensors = {"words": words, "expected.read": read, "expected.seen": seen}
tensors |= {f"reader.{name}": value for name, value in reader.state_dict().items()}
tensors |= {f"layer.{name}": value for name, value in layer.state_dict().items()}
save_file({name: value.contiguous() for name, value in tensors.items()}, "weights.safetensors")
