import HeedAutograd
import HeedTensor

/// Recurrent layers of one kind of cell on top of each other, in one or both directions. ``RNN``, ``LSTM`` and ``GRU``
/// are made of them; a model whose cell is a setting uses them directly. Each layer and direction is one fused
/// operation over the whole sequence.
///
/// Input `[batch, time, inputSize]`, output `[batch, time, directions stateSize]`. The parameters have the names,
/// shapes and first values of the layer of that cell.
public struct RecurrentLayers: Module {
    /// The kind of cell.
    public let kind: RecurrentKind
    /// The number of columns of the input.
    public let inputSize: Int
    /// The number of units of each direction.
    public let hiddenSize: Int
    /// The number of units that the state of an LSTM is projected to; nil for no projection.
    public let projectionSize: Int?
    /// Whether each layer also runs backwards, and hands on both outputs side by side.
    public let isBidirectional: Bool
    /// The dropout, in training, of the output that a layer passes to the next.
    public var dropout: Dropout
    /// The parameters of each layer and direction: layer 0 forward, layer 0 backward, layer 1 forward ...
    public var parameters: [RecurrentParameters]

    /// Makes layers with random weights.
    ///
    /// - Parameters:
    ///   - kind: The cell.
    ///   - inputSize: The number of columns of the input.
    ///   - hiddenSize: The number of units of each layer and direction.
    ///   - projectionSize: The number of units that each state of an LSTM is projected to, from 1 to `hiddenSize - 1`;
    ///     nil for no projection.
    ///   - layers: The number of layers.
    ///   - bidirectional: Whether each layer also runs backwards.
    ///   - bias: Whether there are biases.
    ///   - dropout: The share that is dropped in training between layers.
    public init(
        _ kind: RecurrentKind, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, layers: Int = 1,
        bidirectional: Bool = false, bias: Bool = true, dropout: Float = 0, using generator: inout RandomGenerator
    ) {
        require(
            layers > 0 && hiddenSize > 0 && inputSize >= 0,
            "\(kind): \(layers) layers of \(hiddenSize) units over \(inputSize) inputs are none")
        (self.kind, self.inputSize, self.hiddenSize) = (kind, inputSize, hiddenSize)
        self.projectionSize = projectionSize
        isBidirectional = bidirectional
        self.dropout = Dropout(dropout)
        let directions = bidirectional ? 2 : 1
        parameters = []
        for layer in 0..<layers {
            for _ in 0..<directions {
                parameters.append(
                    RecurrentParameters(
                        kind, inputSize: layer == 0 ? inputSize : directions * (projectionSize ?? hiddenSize),
                        hiddenSize: hiddenSize, projectionSize: projectionSize, bias: bias,
                        using: &generator))
            }
        }
    }

    /// Sets the biases of an LSTM's forget and input gates so that a new model remembers what lies up to `longest`
    /// steps back: `b_f = ln u`, `b_i = -b_f` with `u` even over `[1, longest)` per unit. A cell then keeps about
    /// `1 - 1 / u` of itself per step, and takes in about `1 / u` of what is new.
    ///
    /// Source: Tallec and Ollivier, "Can recurrent neural networks warp time?" (2018), section 3.
    ///
    /// - Precondition: the layers are an LSTM's and have biases, and `longest` is at least 2.
    public mutating func remember(longest: Int, using generator: inout RandomGenerator) {
        require(
            kind == .lstm && longest >= 2 && parameters.allSatisfy { $0.inputBias != nil },
            "RecurrentLayers.remember: \(longest) steps of \(kind), which needs 2, and gates with biases")
        for index in parameters.indices {
            let ages = Tensor.uniform([hiddenSize], in: 1..<Float(longest), using: &generator)
            let logarithms = activate(ages, .logarithm).elements
            // Gates are in the order i f g o. The hidden biases would be added to these.
            parameters[index].inputBias?.value.withUnsafeMutableElements { bias in
                for (unit, logarithm) in logarithms.enumerated() {
                    (bias[unit], bias[hiddenSize + unit]) = (-logarithm, logarithm)
                }
            }
            parameters[index].hiddenBias?.value.withUnsafeMutableElements { bias in
                for gate in 0..<2 * hiddenSize { bias[gate] = 0 }
            }
        }
    }

    /// The number of units of the state and of each direction's output: those of the projection, or the hidden ones.
    public var stateSize: Int { projectionSize ?? hiddenSize }
    /// The number of directions, 1 or 2.
    public var directions: Int { isBidirectional ? 2 : 1 }
    /// The number of layers.
    public var layers: Int { parameters.count / directions }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        for index in parameters.indices {
            let ending = "_l\(index / directions)" + (index % directions == 1 ? "_reverse" : "")
            parameters[index].visitParameters(visit, ending: ending)
        }
    }

    /// Returns the outputs and final states.
    ///
    /// - Parameters:
    ///   - input: `[batch, time, inputSize]`.
    ///   - lengths: The number of steps of each sequence; by default all. Steps after them have no effect.
    ///   - state: The state before the first step; by default zeros.
    public func callAsFunction(
        _ input: Variable, lengths: [Int]? = nil, state: RecurrentState? = nil, in context: Context
    ) -> RecurrentLayersResult {
        require(
            input.rank == 3 && input.shape[2] == inputSize,
            "\(kind): an input of shape \(input.shape) is not [batch, time, \(inputSize)]")
        let stateShape: Shape = [parameters.count, input.shape[0], stateSize]
        let cellShape: Shape = [parameters.count, input.shape[0], hiddenSize]
        require(
            state.map { $0.hidden.shape == stateShape && ($0.cell?.shape ?? cellShape) == cellShape } ?? true,
            "\(kind): a state of shape \(state.map { "\($0.hidden.shape)" } ?? "") is not \(stateShape)")
        var value = input
        var finals: [RecurrentOutput] = []
        for layer in 0..<layers {
            if layer > 0 { value = dropout(value, in: context) }
            let outputs = (0..<directions).map { direction in
                let index = layer * directions + direction
                return recurrent(
                    kind, value, parameters[index].weights(in: context), lengths: lengths,
                    hidden: state?.hidden.selecting(axis: 0, index: index),
                    cell: state?.cell?.selecting(axis: 0, index: index), reversed: direction == 1)
            }
            value = isBidirectional ? concatenate(outputs.map(\.output), axis: 2) : outputs[0].output
            finals += outputs
        }
        return RecurrentLayersResult(
            output: value,
            state: RecurrentState(
                hidden: Self.joined(finals.map(\.hidden)),
                cell: kind == .lstm ? Self.joined(finals.compactMap(\.cell)) : nil))
    }

    private static func joined(_ states: [Variable]) -> Variable {
        states.count == 1 ? states[0].insertingAxis(0) : stack(states)
    }
}

/// Recurrent layers of one kind: ``RNN``, ``LSTM`` and ``GRU``.
public protocol RecurrentModule: Module {
    /// The layers and directions with their parameters.
    var layers: RecurrentLayers { get set }
}

extension RecurrentModule {
    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit(&layers)
    }

    /// Returns the outputs and final states.
    ///
    /// - Parameters:
    ///   - input: `[batch, time, inputSize]`.
    ///   - lengths: The number of steps of each sequence; by default all. Steps after them have no effect.
    ///   - state: The state before the first step; by default zeros.
    public func callAsFunction(
        _ input: Variable, lengths: [Int]? = nil, state: RecurrentState? = nil, in context: Context
    ) -> RecurrentLayersResult {
        layers(input, lengths: lengths, state: state, in: context)
    }

    /// Returns the outputs and final states in inference.
    public func callAsFunction(
        _ input: Tensor, lengths: [Int]? = nil, state: RecurrentState? = nil
    ) -> RecurrentLayersResult {
        layers(Variable(input), lengths: lengths, state: state, in: Context())
    }
}
