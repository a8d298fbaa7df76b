import HeedAutograd
import HeedTensor

// Design
//
// A forward pass needs three things beside its inputs: where to record (or that nothing is to be recorded), whether
// dropout drops, and which numbers it drops. They travel together, so that a layer has one parameter for them and a
// model is written once.
//
// The leaf of a parameter is made when the pass first meets it and found again by the parameter's identity, so that a
// weight which is used in several places (an output layer tied to an embedding, a cell that is applied at every step)
// collects one gradient. Identities survive copying: a model and a changed copy of it may meet in one pass, so a leaf
// also belongs to the memory that it reads.

/// What a forward pass needs beside its inputs: the tape, whether it trains, and the randomness of dropout.
///
/// `Context()` is inference. A context serves one pass in one task; ``valueAndGradient(of:seed:step:on:_:)-1h2tr``
/// makes one for every training step.
public final class Context {
    /// Where the pass is recorded; nil in inference.
    public let tape: Tape?
    /// Whether layers behave as in training, which dropout alone does differently.
    public let isTraining: Bool

    private let seed: UInt64
    private let step: UInt64
    private var draws: UInt64 = 0
    private var leaves: [ParameterIdentity: Variable] = [:]
    /// Leaves of parameters that are changed copies of one above.
    private var others: [(ParameterIdentity, Variable)] = []

    /// A context.
    ///
    /// - Parameters:
    ///   - tape: Records the pass; nil, the default, for inference.
    ///   - training: Whether dropout drops; unless given, where there is a tape.
    ///   - seed: Names the random numbers of a run.
    ///   - step: Names those of a step: the same seed and step drop the same elements, in a run that was resumed too.
    public init(tape: Tape? = nil, training: Bool? = nil, seed: UInt64 = 0, step: Int = 0) {
        self.tape = tape
        isTraining = training ?? (tape != nil)
        self.seed = seed
        self.step = UInt64(bitPattern: Int64(step))
    }

    /// The variable of a parameter: the same leaf of the tape wherever the pass uses it. A constant in inference, and
    /// for a parameter that is frozen.
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

    /// The variable of a parameter that a layer may do without.
    public func variable(_ parameter: Parameter?) -> Variable? { parameter.map { variable($0) } }

    private func leaf(of parameter: Parameter) -> Variable? {
        guard let leaf = leaves[parameter.identity] else { return nil }
        if leaf.value.sharesStorage(with: parameter.value) { return leaf }
        return others.first {
            $0.0 == parameter.identity && $0.1.value.sharesStorage(with: parameter.value)
        }?.1
    }

    /// A seed for the random numbers of one call of one layer: another one at every call, the same again in the same
    /// call of a pass with this seed and step.
    public func drawSeed() -> UInt64 {
        defer { draws += 1 }
        return Self.mixed(Self.mixed(Self.mixed(seed) ^ step) ^ draws)
    }

    /// SplitMix64's output function, a bijection (Steele, Lea and Flood, "Fast splittable pseudorandom number
    /// generators", 2014).
    private static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The names of the model's parameters by the slots of their leaves, of those that the pass has met. To be asked
    /// for before the gradients are, which lets go of them.
    package func namesByLeaf(in model: some Module) -> [Int: String] {
        var names: [Int: String] = [:]
        for (name, parameter) in model.parameters {
            if let leaf = leaf(of: parameter) { names[Int(leaf.slot)] = name }
        }
        return names
    }

    // MARK: Gradients

    /// The gradients of `loss` with respect to the model's trainable parameters, in their order. Consumes the record,
    /// and lets go of every parameter: an optimiser can write to them in place afterwards.
    ///
    /// - Precondition: the pass was recorded, and no two parameters of the model are copies of one another.
    public func gradients(of loss: Variable, for model: some Module) -> [Tensor] {
        guard let tape else {
            programmerError("Context.gradients: a pass without a tape has no gradients")
        }
        var inputs: [Variable] = []
        var met: Set<ParameterIdentity> = []
        var copy = model
        copy.withVisits { visitor, parameter in
            guard parameter.isTrainable else { return }
            require(
                met.insert(parameter.identity).inserted,
                "gradients: the parameter \(visitor.name) is a copy of one before it; make each of them anew, or keep one and use it "
                    + "in both places")
            inputs.append(variable(parameter))
        }
        leaves.removeAll()
        others.removeAll()
        return tape.gradients(of: loss, withRespectTo: inputs)
    }
}
