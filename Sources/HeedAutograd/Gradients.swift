import HeedTensor

// Values and gradients of functions, without an explicit tape.

/// Returns the value of a function of several tensors, and its gradient with respect to each.
///
/// ```swift
/// let (loss, gradients) = valueAndGradient(of: { ($0[0] * $0[1]).sum() }, at: [x, y])
/// ```
///
/// - Parameter function: Computes one element from the variables.
public func valueAndGradient<E: Error>(
    of function: ([Variable]) throws(E) -> Variable, at tensors: [Tensor]
) throws(E) -> (value: Tensor, gradients: [Tensor]) {
    let tape = Tape()
    let leaves = tensors.map { tape.leaf($0) }
    let value = try function(leaves)
    return (value.value, tape.gradients(of: value, withRespectTo: leaves))
}

/// Returns the value of a function of a tensor, and its gradient.
public func valueAndGradient<E: Error>(
    of function: (Variable) throws(E) -> Variable, at tensor: Tensor
) throws(E) -> (value: Tensor, gradient: Tensor) {
    let tape = Tape()
    let leaf = tape.leaf(tensor)
    let value = try function(leaf)
    return (value.value, tape.gradients(of: value, withRespectTo: [leaf])[0])
}

/// Returns the value of a function of two tensors, and its gradients.
public func valueAndGradient<E: Error>(
    of function: (Variable, Variable) throws(E) -> Variable, at first: Tensor, _ second: Tensor
) throws(E) -> (value: Tensor, gradients: (Tensor, Tensor)) {
    let tape = Tape()
    let leaves = [tape.leaf(first), tape.leaf(second)]
    let value = try function(leaves[0], leaves[1])
    let gradients = tape.gradients(of: value, withRespectTo: leaves)
    return (value.value, (gradients[0], gradients[1]))
}

/// Returns the gradient of a function of a tensor.
public func gradient<E: Error>(
    of function: (Variable) throws(E) -> Variable, at tensor: Tensor
) throws(E) -> Tensor {
    try valueAndGradient(of: function, at: tensor).gradient
}

/// Returns the gradients of a function of several tensors.
public func gradient<E: Error>(
    of function: ([Variable]) throws(E) -> Variable, at tensors: [Tensor]
) throws(E) -> [Tensor] {
    try valueAndGradient(of: function, at: tensors).gradients
}
