import HeedAutograd
import HeedTensor

// Design
//
// A forward pass needs three things besides its inputs: where to record (or that nothing is recorded), whether dropout
// drops, and which numbers it drops. They are passed together, so that a layer has one parameter for them and a model
// is written once.
//
// The leaf of a parameter is made when the pass first uses it, and found again by the parameter's identity. So a weight
// that is used in several places (an output layer tied to an embedding, a cell that is applied at every step) collects
// one gradient. Copies keep the identity. A pass may use a model and a changed copy of it, so a leaf also belongs to
// the memory that it reads.

/// The state of a forward pass: the tape, whether it trains, and the random numbers of dropout.
///
/// `Context()` is for inference. A context is for one pass in one task; ``valueAndGradient(of:seed:step:on:_:)-1h2tr``
/// makes one for every training step.
public final class Context {
    /// The tape that records the pass; nil in inference.
    public let tape: Tape?
    /// Whether layers behave as in training. Only dropout does anything different then.
    public let isTraining: Bool

    private let seed: UInt64
    private let step: UInt64
    private var draws: UInt64 = 0
    private(set) var leaves: [ParameterIdentity: Variable] = [:]
    /// Leaves of parameters that are changed copies of one above.
    private(set) var others: [(identity: ParameterIdentity, leaf: Variable)] = []

    /// Makes a context.
    ///
    /// - Parameters:
    ///   - tape: The tape that records the pass; nil, the default, for inference.
    ///   - training: Whether dropout drops; by default true if there is a tape.
    ///   - seed: The seed of a run's random numbers.
    ///   - step: The step of the run. The same seed and step drop the same elements, also in a run that was resumed.
    public init(tape: Tape? = nil, training: Bool? = nil, seed: UInt64 = 0, step: Int = 0) {
        self.tape = tape
        isTraining = training ?? (tape != nil)
        self.seed = seed
        self.step = UInt64(bitPattern: Int64(step))
    }

    /// Returns the variable of a parameter: the same leaf of the tape wherever the pass uses it. In inference, and for
    /// a frozen parameter, it is a constant.
    public func variable(_ parameter: Parameter) -> Variable {
        guard let tape, parameter.isTrainable else { return Variable(parameter.value) }
        if let leaf = leaf(of: parameter) { return leaf }
        let leaf = tape.leaf(parameter.value)
        if leaves[parameter.identity] == nil {
            leaves[parameter.identity] = leaf
        } else {
            others.append((parameter.identity, leaf))
        }
        return leaf
    }

    /// Returns the variable of an optional parameter.
    public func variable(_ parameter: Parameter?) -> Variable? { parameter.map { variable($0) } }

    private func leaf(of parameter: Parameter) -> Variable? {
        guard let leaf = leaves[parameter.identity] else { return nil }
        if leaf.value.sharesStorage(with: parameter.value) { return leaf }
        return others.first {
            $0.identity == parameter.identity && $0.leaf.value.sharesStorage(with: parameter.value)
        }?.leaf
    }

    /// Returns a seed for the random numbers of one call of one layer. Every call gives another one, and the same call
    /// in another pass with this seed and step gives the same one.
    public func drawSeed() -> UInt64 {
        defer { draws += 1 }
        let ofStep = SplitMix64.number(behind: SplitMix64.number(behind: seed) ^ step)
        return SplitMix64.number(behind: ofStep ^ draws)
    }

    /// Returns the names of the parameters that the pass has used, by the slots of their leaves. Call it before
    /// computing the gradients, which frees the leaves.
    package func namesByLeaf(in model: some Module) -> [Int: String] {
        var names: [Int: String] = [:]
        for (name, parameter) in model.parameters {
            if let leaf = leaf(of: parameter) { names[Int(leaf.slot)] = name }
        }
        return names
    }

    // MARK: Gradients

    /// Computes the gradients of `loss` with respect to the model's trainable parameters, in their order. It consumes
    /// the record and frees every leaf, so that an optimiser can then write to the parameters in place.
    ///
    /// - Precondition: the pass was recorded, the loss was computed from it, the model names every trainable parameter
    ///   that the loss depends on (what belongs to another model is frozen, see ``Module/frozen()``), and no two
    ///   parameters of the model are copies of one another.
    public func gradients(of loss: Variable, for model: some Module) -> [Tensor] {
        guard let tape else {
            programmerError("Context.gradients: a pass without a tape has no gradients")
        }
        var inputs: [Variable] = []
        var names: [ParameterIdentity: String] = [:]
        var copy = model
        copy.withVisits { visitor, parameter in
            guard parameter.isTrainable else { return }
            require(
                names[parameter.identity] == nil,
                "gradients: the parameter \(visitor.name) is a copy of one before it; make each of them separately, or keep one and use it "
                    + "in both places")
            names[parameter.identity] = visitor.name
            inputs.append(variable(parameter))
        }
        requireDependence(of: loss, on: model)
        requireNames(names, of: inputs, in: model, loss, on: tape)
        leaves.removeAll()
        others.removeAll()
        return tape.gradients(of: loss, withRespectTo: inputs)
    }
}
