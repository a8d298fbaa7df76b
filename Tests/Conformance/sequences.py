"""Attention and sequences, one function an operation: random sizes and attributes, and what PyTorch computes of them."""

import math
import torch
from torch import nn

from case import Case, normal


def lengths_up_to(chance, batch, most):
    return torch.tensor([chance.randint(1, most) for _ in range(batch)])


# ---- Attention ------------------------------------------------------------------------------------------------------------------------


def attention(chance):
    batch, groups, shared = chance.randint(1, 3), chance.randint(1, 3), chance.choice([1, 1, 1, 2, 3])
    heads, dim = groups * shared, chance.choice([1, 3, 8, 16, 32, 40, 64, 72, 80, 96, 111, 128, 160, 256])
    value_dim = chance.choice([dim, dim, 7, 24, 64, 65, 128])
    nq, nk = (chance.choice([1, 2, 3, 15, 16, 17, 33, 63, 64, 65, 100, 130, 200]) for _ in range(2))
    causal, alignment = chance.random() < 0.4, chance.choice(["upper_left", "lower_right"])
    size = chance.choice([0.1, 1, 1, 1, 1.5, 4, 8])  # the largest scores are about 4 size^2: 256 for 8
    inputs = {"query": normal(batch, heads, nq, dim, scale=size), "key": normal(batch, groups, nk, dim, scale=size),
              "value": normal(batch, groups, nk, value_dim)}
    broadcast = lambda: [chance.choice([1, n]) for n in (batch, heads, nq, nk)]
    if chance.random() < 0.4:
        inputs["mask"] = torch.rand(broadcast()) < chance.choice([0.2, 0.7, 0.95])
    if chance.random() < 0.4:
        inputs["bias"] = normal(*broadcast()[:3], nk)  # the same for all keys, its gradient would be nothing but rounding
        if chance.random() < 0.2:
            inputs["bias"][torch.rand(inputs["bias"].shape) < 0.2] = -math.inf
    scale = chance.choice([1, 1, 0.5, 1.5]) / math.sqrt(dim)
    attributes = {"causal": causal, "scale": scale}
    window = chance.choice([1, 4, 20, 70]) if causal and chance.random() < 0.4 else None
    if causal:
        attributes["causal_alignment"] = alignment
    if window:
        attributes["sliding_window"] = window

    def function(x):
        key, value = (x[name].repeat_interleave(shared, 1) for name in ("key", "value"))
        scores = x["query"] @ key.transpose(-1, -2) * scale
        if "bias" in x:
            scores = scores + x["bias"]
        seen = torch.ones(nq, nk, dtype=torch.bool)
        if causal:
            offset = nk - nq if alignment == "lower_right" else 0
            seen = seen.tril(offset)
            seen = seen.triu(offset - window + 1) if window else seen
        seen = seen & x["mask"] if "mask" in x else seen
        seen = (seen & (scores > -math.inf)).expand(scores.shape)
        largest = scores.masked_fill(~seen, -math.inf).amax(-1, keepdim=True).clamp(min=-1e30).detach()
        weights = torch.where(seen, torch.exp(torch.where(seen, scores - largest, 0.0)), 0.0)
        total = weights.sum(-1, keepdim=True)
        return {"output": weights / torch.where(total > 0, total, 1.0) @ value}

    return Case(inputs, attributes, function)


def scored_attention(kind):
    def make(chance):
        batch, targets, sources = chance.randint(1, 5), chance.randint(1, 20), chance.randint(1, 40)
        hq, units = chance.choice([3, 12, 16, 33, 64]), chance.choice([5, 10, 32, 65])
        hk = hq if kind == "dot" else chance.choice([hq, 7, 24, 48])
        hv = chance.choice([hk, 5, 31])
        inputs = {"query": normal(batch, targets, hq), "keys": normal(batch, sources, hk), "values": normal(batch, sources, hv),
                  "lengths": lengths_up_to(chance, batch, sources)}
        if kind == "additive":
            inputs |= {"query_weight": normal(units, hq, scale=hq**-0.5), "key_weight": normal(units, hk, scale=hk**-0.5),
                       "score_weight": normal(units)}
        elif kind == "general":
            inputs["weight"] = normal(hq, hk, scale=hq**-0.5)

        def function(x):
            if kind == "additive":
                projected = x["query"] @ x["query_weight"].T
                scores = torch.tanh(projected[:, :, None] + (x["keys"] @ x["key_weight"].T)[:, None]) @ x["score_weight"]
            else:
                query = x["query"] @ x["weight"] if kind == "general" else x["query"]
                scores = query @ x["keys"].transpose(1, 2)
            hidden = torch.arange(sources)[None] >= x["lengths"][:, None]
            weights = scores.masked_fill(hidden[:, None], -math.inf).softmax(-1)
            return {"output": weights @ x["values"], "weights": weights}

        return Case(inputs, {}, function)

    return make


def module_case(module, inputs, attributes, call):
    """Inputs, and the module's parameters under their names."""
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, std=0.5 / math.sqrt(max(parameter.shape)))
        if "norm" in name and name.endswith("weight"):
            parameter.data += 1
    names = [name for name, _ in module.named_parameters()]
    inputs = inputs | {name: value.detach().clone() for name, value in module.named_parameters()}

    def function(x):
        module.to(x[names[0]].dtype)
        return call(lambda *a, **k: torch.func.functional_call(module, {name: x[name] for name in names}, a, k), x)

    return Case(inputs, attributes, function)


def hidden_keys(chance, batch, count):
    return torch.arange(count)[None] >= lengths_up_to(chance, batch, count)[:, None]


def multi_head_attention(chance):
    heads, batch = chance.randint(1, 5), chance.randint(1, 3)
    width, causal, itself = heads * chance.choice([1, 4, 8, 10]), chance.random() < 0.4, chance.random() < 0.5
    nq = chance.randint(1, 40)
    nk = nq if itself or causal else chance.randint(1, 40)
    inputs = {"query": normal(batch, nq, width), "key": normal(batch, nk, width), "value": normal(batch, nk, width)}
    if chance.random() < 0.4:
        inputs["key_padding_mask"] = hidden_keys(chance, batch, nk)
    mask = torch.ones(nq, nk, dtype=torch.bool).triu(1) if causal else None

    def call(module, x):
        output, weights = module(x["query"], x["key"], x["value"], key_padding_mask=x.get("key_padding_mask"), attn_mask=mask,
                                 average_attn_weights=False)
        return {"output": output, "weights": weights}

    return module_case(nn.MultiheadAttention(width, heads, batch_first=True), inputs, {"heads": heads, "causal": causal}, call)


def transformer_sizes(chance):
    heads = chance.randint(1, 4)
    return heads, heads * chance.choice([16, 24, 40]), chance.choice([16, 40, 64]), chance.random() < 0.5, chance.choice(["relu", "gelu"])


def encoder_layer(chance):
    heads, width, wide, first, activation = transformer_sizes(chance)
    batch, count = chance.randint(1, 3), chance.randint(1, 24)
    inputs = {"input": normal(batch, count, width)}
    if chance.random() < 0.5:
        inputs["padding_mask"] = hidden_keys(chance, batch, count)
    layer = nn.TransformerEncoderLayer(width, heads, wide, 0.0, activation, batch_first=True, norm_first=first)
    return module_case(layer, inputs, {"heads": heads, "norm_first": first, "activation": activation, "epsilon": 1e-5},
                       lambda module, x: {"output": module(x["input"], src_key_padding_mask=x.get("padding_mask"))})


def padding(x):
    return {name: mask for name, mask in x.items() if name.endswith("_key_padding_mask")}


def decoder_layer(chance):
    heads, width, wide, first, activation = transformer_sizes(chance)
    batch, count, sources = chance.randint(1, 3), chance.randint(1, 24), chance.randint(1, 24)
    inputs = {"input": normal(batch, count, width), "memory": normal(batch, sources, width)}
    if chance.random() < 0.4:
        inputs["tgt_key_padding_mask"] = hidden_keys(chance, batch, count)
    if chance.random() < 0.4:
        inputs["memory_key_padding_mask"] = hidden_keys(chance, batch, sources)
    mask = torch.ones(count, count, dtype=torch.bool).triu(1)
    layer = nn.TransformerDecoderLayer(width, heads, wide, 0.0, activation, batch_first=True, norm_first=first)
    return module_case(layer, inputs, {"heads": heads, "norm_first": first, "activation": activation, "epsilon": 1e-5},
                       lambda module, x: {"output": module(x["input"], x["memory"], tgt_mask=mask, **padding(x))})


def transformer(chance):
    heads, width, wide, first, activation = transformer_sizes(chance)
    batch, count, sources, encoders, decoders = (chance.randint(1, 3) if i in (0, 3, 4) else chance.randint(1, 20) for i in range(5))
    inputs = {"source": normal(batch, sources, width), "target": normal(batch, count, width)}
    for name, length in (("src", sources), ("tgt", count), ("memory", sources)):
        if chance.random() < 0.4:
            inputs[f"{name}_key_padding_mask"] = hidden_keys(chance, batch, length)
    mask = torch.ones(count, count, dtype=torch.bool).triu(1)
    model = nn.Transformer(width, heads, encoders, decoders, wide, 0.0, activation, batch_first=True, norm_first=first)
    attributes = {"heads": heads, "encoder_layers": encoders, "decoder_layers": decoders, "norm_first": first,
                  "activation": activation, "final_norms": True, "epsilon": 1e-5}
    return module_case(model, inputs, attributes, lambda module, x: {"output": module(x["source"], x["target"], tgt_mask=mask, **padding(x))})


# ---- Recurrent ------------------------------------------------------------------------------------------------------------------------


def textbook_gru(x, weights, state, lengths):
    """The reset gate before the product: h' = tanh(W_in x + b_in + W_hn (r * h) + b_hn)."""
    w_ih, w_hh, b_ih, b_hh = weights
    hidden, outputs = state.shape[-1], []
    for t in range(x.shape[1]):
        inside = x[:, t] @ w_ih.T + b_ih
        gates = torch.sigmoid(inside[:, :2 * hidden] + state @ w_hh[:2 * hidden].T + b_hh[:2 * hidden])
        reset, update = gates.chunk(2, -1)
        new = torch.tanh(inside[:, 2 * hidden:] + (reset * state) @ w_hh[2 * hidden:].T + b_hh[2 * hidden:])
        after = (1 - update) * new + update * state
        alive = (t < lengths)[:, None]
        state = torch.where(alive, after, state)
        outputs.append(torch.where(alive, after, 0.0))
    return torch.stack(outputs, 1), state[None]


def recurrent(kind):
    def make(chance):
        batch, steps = chance.randint(1, 5), chance.choice([1, 2, 9, 20, 33, 70])
        width, hidden = chance.choice([1, 5, 16, 33]), chance.choice([3, 8, 16, 17, 40, 64])
        textbook = kind == "gru" and chance.random() < 0.3
        layers, both = (1, False) if textbook else (chance.randint(1, 3), chance.random() < 0.4)
        attributes = {"layers": layers, "bidirectional": both, "batch_first": True}
        inputs = {"input": normal(batch, steps, width)}
        if chance.random() < 0.6:
            inputs["h0"] = normal(layers * (1 + both), batch, hidden)
            if kind == "lstm":
                inputs["c0"] = normal(layers * (1 + both), batch, hidden)
        if chance.random() < 0.5:
            inputs["lengths"] = lengths_up_to(chance, batch, steps)
            inputs["lengths"][chance.randrange(batch)] = steps
        extra = {}
        if kind == "rnn":
            extra["nonlinearity"] = attributes["nonlinearity"] = chance.choice(["tanh", "relu"])
        if kind == "gru":
            attributes["reset_after"] = not textbook
        if kind == "lstm" and chance.random() < 0.4:
            extra["proj_size"] = attributes["proj_size"] = chance.randrange(1, hidden)
            if "h0" in inputs:
                inputs["h0"] = normal(layers * (1 + both), batch, extra["proj_size"])
        module = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind](width, hidden, layers, batch_first=True, bidirectional=both, **extra)

        def call(run, x):
            lengths, state = x.get("lengths"), x.get("h0")
            if textbook:
                names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
                start = state[0] if state is not None else x["input"].new_zeros(batch, hidden)
                output, hn = textbook_gru(x["input"], [x[n] for n in names], start, torch.full((batch,), steps) if lengths is None else lengths)
                return {"output": output, "hn": hn}
            state = (state, x["c0"]) if "c0" in x else state
            sequence = x["input"]
            if lengths is not None:
                sequence = nn.utils.rnn.pack_padded_sequence(sequence, lengths, batch_first=True, enforce_sorted=False)
            output, last = run(sequence, state)
            if lengths is not None:
                output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True, total_length=steps)
            return {"output": output, "hn": last[0], "cn": last[1]} if kind == "lstm" else {"output": output, "hn": last}

        return module_case(module, inputs, attributes, call)

    return make


OPERATIONS = {
    "attention": attention,
    "additive_attention": scored_attention("additive"),
    "general_attention": scored_attention("general"),
    "dot_attention": scored_attention("dot"),
    "multi_head_attention": multi_head_attention,
    "transformer_encoder_layer": encoder_layer,
    "transformer_decoder_layer": decoder_layer,
    "transformer": transformer,
    "rnn": recurrent("rnn"),
    "lstm": recurrent("lstm"),
    "gru": recurrent("gru"),
}
