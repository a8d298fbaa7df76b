import HeedAutograd
import HeedTensor

/// A model or a part of one: a value that holds ``Parameter``s and other modules.
///
/// A module lists its parameters and submodules by hand, one line each, under PyTorch's names, so that weights can be
/// exchanged:
///
/// ```swift
/// struct Classifier: Module {
///     var embedding: Embedding
///     var output: Linear
///
///     mutating func visitParameters(_ visit: ParameterVisitor) {
///         visit("embedding", &embedding)
///         visit("output", &output)
///     }
///
///     func callAsFunction(_ tokens: IndexTensor, in context: Context) -> Variable {
///         output(embedding(tokens, in: context).mean(axis: 1), in: context)
///     }
/// }
/// ```
///
/// Modules are values: a copy is a snapshot that may be evaluated, shared between tasks or sent to an actor while the
/// training of the original continues. Copies share memory until one of them is written to.
public protocol Module: Sendable {
    /// Passes every parameter and every submodule to `visit`, each once, always in the same order.
    mutating func visitParameters(_ visit: ParameterVisitor)
}

extension Module {
    /// Calls `body` with each parameter and its name, in order. Changes that it makes to a parameter are kept.
    public mutating func forEachParameter<E: Error>(
        _ body: (_ name: String, _ parameter: inout Parameter) throws(E) -> Void
    ) throws(E) {
        var failure: E?
        withVisits { visitor, parameter in
            guard failure == nil else { return }
            do throws(E) { try body(visitor.name, &parameter) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Calls `body` with each parameter. Names are made only if they are asked for.
    mutating func withVisits(_ body: (ParameterVisitor, inout Parameter) -> Void) {
        withoutActuallyEscaping(body) { visitParameters(ParameterVisitor($0)) }
    }

    /// Every parameter with its name, in order.
    public var parameters: [(name: String, parameter: Parameter)] {
        var copy = self
        var all: [(name: String, parameter: Parameter)] = []
        copy.withVisits { all.append(($0.name, $1)) }
        return all
    }

    /// The numbers of every parameter by name, as in a checkpoint.
    public var weights: [String: Tensor] {
        var copy = self
        var all: [String: Tensor] = [:]
        copy.withVisits { visitor, parameter in
            let name = visitor.name
            require(all[name] == nil, "Module.weights: two parameters of \(Self.self) have the name \(name)")
            all[name] = parameter.value
        }
        return all
    }

    /// The number of numbers in all parameters.
    public var parameterCount: Int {
        var copy = self
        var count = 0
        copy.withVisits { count += $1.value.count }
        return count
    }

    // MARK: Trainable parameters

    /// The names of the parameters that are trained, in the order of their gradients.
    public var trainableNames: [String] {
        var copy = self
        var names: [String] = []
        copy.withVisits { if $1.isTrainable { names.append($0.name) } }
        return names
    }

    /// Chooses which parameters are trained.
    public mutating func setTrainable(_ isTrainable: Bool, where applies: (_ name: String) -> Bool = { _ in true }) {
        withVisits { if applies($0.name) { $1.isTrainable = isTrainable } }
    }

    /// Returns a copy whose parameters are all constants, e.g. a teacher, or a part that is not fine-tuned.
    public func frozen() -> Self {
        var copy = self
        copy.setTrainable(false)
        return copy
    }

    /// Lends the tensors of the parameters that are trained, in order, to an optimiser.
    ///
    /// While `body` runs, only the array holds them, so that they are written to in place. Afterwards its tensors are
    /// put back.
    ///
    /// - Precondition: `body` keeps the number of tensors and their shapes.
    public mutating func withTrainableTensors<Result, E: Error>(
        _ body: (inout [Tensor]) throws(E) -> Result
    ) throws(E) -> Result {
        var tensors: [Tensor] = []
        let nothing = Tensor.zeros([0])
        withVisits { _, parameter in
            guard parameter.isTrainable else { return }
            tensors.append(parameter.value)
            parameter.value = nothing
        }
        let shapes = tensors.map(\.shape)
        defer {
            require(
                tensors.map(\.shape) == shapes,
                "withTrainableTensors: the shapes \(shapes) became \(tensors.map(\.shape))")
            var next = 0
            withVisits { _, parameter in
                guard parameter.isTrainable else { return }
                parameter.value = tensors[next]
                next += 1
            }
        }
        return try body(&tensors)
    }
}

/// A module that computes one value from another. It can be part of a ``Sequential``.
public protocol Layer: Module {
    /// Returns the layer's output for `input`.
    func callAsFunction(_ input: Variable, in context: Context) -> Variable
}

extension Layer {
    /// Returns the layer's output for `input` in inference: nothing is recorded, and dropout does nothing.
    public func callAsFunction(_ input: Tensor) -> Tensor { self(Variable(input), in: Context()).value }
}
