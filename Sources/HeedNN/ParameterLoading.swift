import HeedTensor

/// Why weights do not fit a model: all their faults, not only the first one.
public struct WeightsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One thing that is wrong.
    public enum Fault: Sendable, Equatable, CustomStringConvertible {
        /// A parameter for which there is no tensor.
        case missing(name: String, shape: Shape)
        /// A tensor for which there is no parameter.
        case unexpected(name: String, shape: Shape)
        /// A tensor of another shape than its parameter.
        case wrongShape(name: String, expected: Shape, found: Shape)

        /// The name of the parameter or tensor.
        public var name: String {
            switch self {
            case .missing(let name, _), .unexpected(let name, _), .wrongShape(let name, _, _): name
            }
        }

        /// The name, what was found and what was expected.
        public var description: String {
            switch self {
            case .missing(let name, let shape): "\(name) of shape \(shape) is missing"
            case .unexpected(let name, let shape): "\(name) of shape \(shape) is not a parameter of the model"
            case .wrongShape(let name, let expected, let found):
                "\(name) has shape \(found), and the model's has \(expected)"
            }
        }
    }

    /// All that is wrong: parameters in their order, then the tensors that are not expected, in alphabetical order.
    public let faults: [Fault]

    /// Makes an error from its faults.
    public init(_ faults: [Fault]) { self.faults = faults }

    private static var mostShown: Int { 8 }

    /// One line that names the first eight faults, and how many more there are.
    public var description: String {
        let shown = faults.prefix(Self.mostShown).map(\.description).joined(separator: "; ")
        let more = faults.count > Self.mostShown ? "; and \(faults.count - Self.mostShown) more faults" : ""
        return "the weights do not fit the model: \(shown)\(more)"
    }
}

extension Module {
    /// The names of the parameters, in order.
    public var parameterNames: [String] { parameters.map(\.name) }

    /// The values of the parameters, in the order of ``parameterNames``. ``load(_:)`` takes them back. ``weights`` has
    /// them by name.
    public var parameterValues: [Tensor] { parameters.map(\.parameter.value) }

    /// Replaces every parameter by the tensor of its name: the reverse of ``weights``.
    ///
    /// ```swift
    /// try copy.load(model.weights)
    /// ```
    ///
    /// - Parameters:
    ///   - weights: Tensors by the names of the parameters.
    ///   - allowingMissing: Whether a parameter without a tensor is left as it is.
    ///   - allowingUnexpected: Whether tensors that no parameter asks for are skipped.
    /// - Throws: ``WeightsError`` with everything that does not fit; then the model is unchanged.
    public mutating func load(
        _ weights: [String: Tensor], allowingMissing: Bool = false, allowingUnexpected: Bool = false
    ) throws(WeightsError) {
        try requireFit(
            weights.mapValues(\.shape), allowingMissing: allowingMissing, allowingUnexpected: allowingUnexpected)
        forEachParameter { name, parameter in
            if let tensor = weights[name] { parameter.value = tensor.contiguous() }
        }
    }

    /// Replaces every parameter by the tensor at its place: the reverse of ``parameterValues``.
    ///
    /// - Throws: ``WeightsError`` with every parameter that has no tensor or one of another shape, and every tensor
    ///   after the last parameter, whose name is then its place; then the model is unchanged.
    public mutating func load(_ values: [Tensor]) throws(WeightsError) {
        let parameters = parameters
        var faults: [WeightsError.Fault] = []
        for (place, (name, parameter)) in parameters.enumerated() {
            guard place < values.count else {
                faults.append(.missing(name: name, shape: parameter.shape))
                continue
            }
            guard values[place].shape != parameter.shape else { continue }
            faults.append(.wrongShape(name: name, expected: parameter.shape, found: values[place].shape))
        }
        for place in values.indices.dropFirst(parameters.count) {
            faults.append(.unexpected(name: "tensor \(place)", shape: values[place].shape))
        }
        guard faults.isEmpty else { throw WeightsError(faults) }
        var place = 0
        withVisits { _, parameter in
            parameter.value = values[place].contiguous()
            place += 1
        }
    }

    /// Checks that tensors of these shapes can be loaded.
    func requireFit(
        _ shapes: [String: Shape], allowingMissing: Bool, allowingUnexpected: Bool
    ) throws(WeightsError) {
        var faults: [WeightsError.Fault] = []
        var unused = Set(shapes.keys)
        for (name, parameter) in parameters {
            unused.remove(name)
            guard let found = shapes[name] else {
                if !allowingMissing { faults.append(.missing(name: name, shape: parameter.shape)) }
                continue
            }
            guard found != parameter.shape else { continue }
            faults.append(.wrongShape(name: name, expected: parameter.shape, found: found))
        }
        if !allowingUnexpected {
            let names = unused.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            faults += names.map { .unexpected(name: $0, shape: shapes[$0] ?? []) }
        }
        guard faults.isEmpty else { throw WeightsError(faults) }
    }
}
