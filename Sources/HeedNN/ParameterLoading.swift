import HeedTensor

/// Why weights do not fit a model.
public enum WeightsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A parameter for which there is no tensor.
    case missing(name: String, shape: Shape)
    /// A tensor for which there is no parameter.
    case unexpected(name: String, shape: Shape)
    /// A tensor of another shape than its parameter.
    case wrongShape(name: String, expected: Shape, found: Shape)

    /// One line that names the tensor, what was found and what was expected.
    public var description: String {
        switch self {
        case .missing(let name, let shape): "the weights lack \(name), of shape \(shape)"
        case .unexpected(let name, let shape): "the weights hold \(name), of shape \(shape), which the model has not"
        case .wrongShape(let name, let expected, let found):
            "the weight \(name) has shape \(found), but the model wants \(expected)"
        }
    }
}

extension Module {
    /// Replaces every parameter by the tensor of its name.
    ///
    /// - Parameters:
    ///   - weights: Tensors by the names of the parameters.
    ///   - allowingMissing: Leaves a parameter without a tensor as it is.
    ///   - allowingUnexpected: Passes over tensors that no parameter asks for.
    /// - Throws: ``WeightsError`` for the first parameter, in order, that does not fit, then for the first name, in
    ///   alphabetical order, that is not wanted. The model is then as it was.
    public mutating func load(
        _ weights: [String: Tensor], allowingMissing: Bool = false, allowingUnexpected: Bool = false
    ) throws(WeightsError) {
        var copy = self
        var unused = Set(weights.keys)
        try copy.forEachParameter { (name, parameter) throws(WeightsError) in
            unused.remove(name)
            guard let tensor = weights[name] else {
                if allowingMissing { return }
                throw .missing(name: name, shape: parameter.shape)
            }
            guard tensor.shape == parameter.shape else {
                throw .wrongShape(name: name, expected: parameter.shape, found: tensor.shape)
            }
            parameter.value = tensor.contiguous()
        }
        if !allowingUnexpected,
            let name = unused.min(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }), let tensor = weights[name]
        {
            throw .unexpected(name: name, shape: tensor.shape)
        }
        self = copy
    }
}
