"""Functions of single tensors, losses, positions and optimisers, as sequences.py has attention and recurrent networks."""

import math

import torch
from torch.nn import functional as F

from case import Case, normal


def any_shape(chance, rank=None):
    return [chance.choice([1, 2, 5, 7, 16, 33, 64, 65]) for _ in range(rank or chance.randint(1, 3))]


def elementwise(function, attributes=lambda chance: {}):
    def make(chance):
        given = attributes(chance)
        value = normal(*any_shape(chance), scale=chance.choice([0.01, 1, 1, 5]))
        return Case({"input": value}, given, lambda x: {"output": function(x["input"], **given)})

    return make


def softmax(function):
    def make(chance):
        shape = any_shape(chance, chance.randint(1, 4))
        axis = chance.choice([-1, -1, chance.randrange(len(shape)), -len(shape)])
        value = normal(*shape, scale=chance.choice([1, 1, 10]))
        return Case({"input": value}, {"axis": axis}, lambda x: {"output": function(x["input"], axis)})

    return make


def layer_norm(chance):
    shape = any_shape(chance, chance.randint(1, 2)) + [chance.choice([5, 16, 33, 64, 130])]
    epsilon = chance.choice([1e-5, 1e-6, 1e-12])
    value = normal(*shape) * chance.choice([1, 1, 50]) + chance.choice([0, 0, 3])
    inputs = {"input": value, "weight": normal(shape[-1]), "bias": normal(shape[-1])}
    return Case(inputs, {"epsilon": epsilon}, lambda x: {"output": F.layer_norm(x["input"], shape[-1:], x["weight"], x["bias"], epsilon)})


def rms_norm(chance):
    shape = any_shape(chance, chance.randint(1, 2)) + [chance.choice([5, 16, 33, 64, 130])]
    epsilon = chance.choice([1e-5, 1e-6])
    return Case({"input": normal(*shape), "weight": normal(shape[-1])}, {"epsilon": epsilon},
                lambda x: {"output": F.rms_norm(x["input"], shape[-1:], x["weight"], epsilon)})


def matmul(chance):
    m, n, k = (chance.choice([1, 2, 3, 16, 31, 64, 65, 130, 300]) for _ in range(3))
    kind = chance.randrange(4)
    batch = [chance.randint(1, 4) for _ in range(chance.randint(1, 2))]
    left, right = ([], []) if kind == 0 else (batch, batch) if kind == 1 else (batch, []) if kind == 2 else ([batch[0]], [1])
    return Case({"a": normal(*left, m, k), "b": normal(*right, k, n)}, {}, lambda x: {"output": x["a"] @ x["b"]})


def linear(chance):
    width, made = chance.choice([1, 5, 33, 64, 200]), chance.choice([5, 33, 64, 200])
    inputs = {"input": normal(*any_shape(chance), width), "weight": normal(made, width)}
    if chance.random() < 0.7:
        inputs["bias"] = normal(made)
    return Case(inputs, {}, lambda x: {"output": F.linear(x["input"], x["weight"], x.get("bias"))})


def embedding(chance):
    rows, width = chance.choice([1, 10, 300]), chance.choice([1, 16, 33])
    indices = torch.randint(rows, any_shape(chance, chance.randint(1, 2)))
    return Case({"indices": indices, "weight": normal(rows, width)}, {}, lambda x: {"output": F.embedding(x["indices"], x["weight"])})


def conv2d(chance):
    kernel, stride, padding = [chance.randint(1, 4) for _ in range(2)], chance.randint(1, 3), chance.randint(0, 2)
    size = [chance.randint(k, 14) for k in kernel]
    made, channels = chance.randint(1, 9), chance.randint(1, 5)
    inputs = {"input": normal(chance.randint(1, 3), channels, *size), "weight": normal(made, channels, *kernel)}
    if chance.random() < 0.7:
        inputs["bias"] = normal(made)
    return Case(inputs, {"stride": stride, "padding": padding},
                lambda x: {"output": F.conv2d(x["input"], x["weight"], x.get("bias"), stride, padding)})


def cross_entropy(chance):
    rows, classes = chance.choice([1, 3, 8, 40]), chance.choice([2, 11, 64, 100, 1000])
    smoothing, ignored = chance.choice([0.0, 0.0, 0.1, 0.3]), chance.choice([None, 0, -100, 1])
    reduction = chance.choice(["mean", "mean", "sum", "none"])
    # The classes are the second axis, of logits without a batch the only one.
    others = chance.choice([None, [], [], [5], [3, 4], [2, 1, 3]])
    shape = [] if others is None else [rows] + others
    logits = normal(*([classes] if others is None else [rows, classes] + others), scale=chance.choice([1, 1, 10]))
    if chance.random() < 0.25:
        targets = normal(*logits.shape).softmax(min(1, logits.dim() - 1))
        ignored = None
    else:
        targets = torch.randint(classes, shape)
        if ignored is not None:
            flat = targets.view(-1)
            flat[torch.rand(flat.shape) < 0.4] = ignored
            flat[chance.randrange(len(flat))] = classes - 1 if ignored != classes - 1 else 0
    inputs = {"logits": logits, "targets": targets}
    if chance.random() < 0.3:
        inputs["weight"] = torch.rand(classes) + 0.1
    options = {"reduction": reduction, "label_smoothing": smoothing} | ({} if ignored is None else {"ignore_index": ignored})
    return Case(inputs, {"reduction": reduction, "ignore_index": ignored, "label_smoothing": smoothing},
                lambda x: {"output": F.cross_entropy(x["logits"], x["targets"], x.get("weight"), **options)}, ("targets", "weight"))


def distillation(chance):
    rows, classes, temperature = chance.randint(1, 20), chance.choice([2, 12, 65]), chance.choice([1.0, 2.0, 3.0, 8.0])

    def function(x):
        student, teacher = (F.log_softmax(x[name] / temperature, -1) for name in ("student", "teacher"))
        return {"output": temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)}

    return Case({"student": normal(rows, classes), "teacher": normal(rows, classes)}, {"temperature": temperature}, function, ("teacher",))


def sinusoidal(chance):
    length, dim = chance.choice([1, 5, 50, 300]), 2 * chance.choice([1, 3, 16, 40])
    angles = torch.arange(length).double()[:, None] * torch.exp(-math.log(10000.0) * torch.arange(0, dim, 2).double() / dim)
    table = torch.stack([angles.sin(), angles.cos()], -1).reshape(length, dim)
    return Case({"input": normal(chance.randint(1, 3), length, dim)}, {"length": length, "dim": dim},
                lambda x: {"output": x["input"] + table.to(x["input"].dtype)})


def rotary(chance):
    batch, heads, length, dim = chance.randint(1, 3), chance.randint(1, 4), chance.choice([1, 9, 70]), 2 * chance.choice([1, 4, 16, 33])
    base = chance.choice([10000.0, 500000.0])

    def function(x):
        angles = torch.arange(length).double()[:, None] * base ** (-torch.arange(0, dim, 2).double() / dim)
        cos, sin = angles.cos().to(x["input"].dtype), angles.sin().to(x["input"].dtype)
        first, second = x["input"].chunk(2, -1)
        return {"output": torch.cat([first * cos - second * sin, second * cos + first * sin], -1)}

    return Case({"input": normal(batch, heads, length, dim)}, {"base": base, "layout": "half"}, function)


def optimizer(kind):
    def make(chance):
        shape, steps = any_shape(chance, chance.randint(1, 2)), chance.randint(1, 30)
        rate, decay = chance.choice([0.001, 0.02, 0.1]), chance.choice([0, 0, 0.01, 0.1])
        if kind == "sgd":
            momentum = chance.choice([0, 0.5, 0.9])
            attributes = {"learning_rate": rate, "momentum": momentum, "weight_decay": decay, "nesterov": momentum > 0 and chance.random() < 0.5}
            make_one = lambda p: torch.optim.SGD([p], rate, momentum, weight_decay=decay, nesterov=attributes["nesterov"])
        else:
            betas, epsilon = (0.9, chance.choice([0.95, 0.999])), 1e-8
            attributes = {"learning_rate": rate, "beta1": betas[0], "beta2": betas[1], "epsilon": epsilon}
            if kind == "adamw":
                attributes["weight_decay"] = decay
            amsgrad = attributes["amsgrad"] = chance.random() < 0.3
            make_one = lambda p: (torch.optim.AdamW([p], rate, betas, epsilon, decay, amsgrad=amsgrad) if kind == "adamw"
                                  else torch.optim.Adam([p], rate, betas, epsilon, amsgrad=amsgrad))

        def function(x):
            parameter = x["parameter"].detach().clone().requires_grad_()
            chosen = make_one(parameter)
            for gradient in x["gradients"]:
                parameter.grad = gradient.detach().clone()
                chosen.step()
            return {"parameter": parameter.detach()}

        return Case({"parameter": normal(*shape), "gradients": normal(steps, *shape)}, attributes, function, differentiable=False)

    return make


def clip(chance):
    most = chance.choice([0.1, 1.5, 100.0])

    def function(x):
        values = [x[name].detach().clone().requires_grad_() for name in "ab"]
        for value in values:
            value.grad = value.detach().clone()
        norm = torch.nn.utils.clip_grad_norm_(values, most)
        return {"a": values[0].grad, "b": values[1].grad, "norm": norm}

    return Case({"a": normal(*any_shape(chance, 2)), "b": normal(*any_shape(chance, 1))}, {"max_norm": most}, function, differentiable=False)


def graph_convolution(chance):
    nodes, width, made = chance.randint(1, 40), chance.randint(1, 20), chance.randint(1, 20)
    edges = torch.rand(nodes, nodes) < chance.choice([0.05, 0.3])
    adjacency = (edges | edges.T).float().fill_diagonal_(0)

    def function(x):
        whole = x["adjacency"] + torch.eye(nodes, dtype=x["adjacency"].dtype)
        degree = whole.sum(1).rsqrt()
        return {"output": degree[:, None] * whole * degree[None] @ x["input"] @ x["weight"].T + x["bias"]}

    inputs = {"adjacency": adjacency, "input": normal(nodes, width), "weight": normal(made, width), "bias": normal(made)}
    return Case(inputs, {}, function, ("adjacency",))


OPERATIONS = {
    "softmax": softmax(torch.softmax),
    "log_softmax": softmax(torch.log_softmax),
    "gelu": elementwise(F.gelu, lambda chance: {"approximate": chance.choice(["none", "tanh"])}),
    "relu": elementwise(F.relu),
    "silu": elementwise(F.silu),
    "sigmoid": elementwise(torch.sigmoid),
    "tanh": elementwise(torch.tanh),
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "matmul": matmul,
    "linear": linear,
    "embedding": embedding,
    "conv2d": conv2d,
    "cross_entropy": cross_entropy,
    "distillation_loss": distillation,
    "sinusoidal_position": sinusoidal,
    "rotary_position": rotary,
    "sgd": optimizer("sgd"),
    "adam": optimizer("adam"),
    "adamw": optimizer("adamw"),
    "clip_gradient_norm": clip,
    "graph_convolution": graph_convolution,
}
