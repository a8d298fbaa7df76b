internal import CKernels

/// The results of a stack of recurrent layers.
public struct RecurrentResult: Sendable {
    /// The output of the last layer, `[B, T, D * H]`, with the directions side by side; 0 past a sequence's end.
    public let output: Tensor
    /// The last state of each sequence, `[L * D, B, H]`, with a layer's directions one after the other.
    public let hidden: Tensor
    /// The last cell states in the same shape, only for an LSTM.
    public let cell: Tensor?
}

/// Runs recurrent layers over whole sequences: `L` layers, each in `D` directions, 1 or 2.
///
/// ```swift
/// let result = recurrent(.lstm, input, layers: [[weights]])                   // one layer
/// let both = recurrent(.gru(), input, layers: [[forward, backward]], lengths: [7, 3, 5])
/// ```
///
/// - Parameters:
///   - kind: The cell; see ``RecurrentKind`` for the formulas.
///   - input: `[B, T, I]`.
///   - layers: The weights of each layer: one direction, or forward and backward in time. Later layers have `D * H`
///     inputs.
///   - hidden: The first states `[L * D, B, H]`; by default zeros.
///   - cell: The same, only for `.lstm`.
///   - lengths: The steps of each sequence; by default all. Inputs after them have no effect, even NaN, and give 0.
/// - Returns: The outputs and last states. The bits of a sequence are the same by itself and among others, padded or
///   not, whole or step by step, and for any number of threads.
/// - Precondition: the shapes agree. ``RecurrentStack`` throws instead.
public func recurrent(
    _ kind: RecurrentKind, _ input: Tensor, layers: [[RecurrentWeights]], hidden: Tensor? = nil, cell: Tensor? = nil,
    lengths: [Int]? = nil
) -> RecurrentResult {
    trapping { () throws(TensorError) in
        var stack = try RecurrentStack(
            kind, input, layers: layers, hidden: hidden, cell: cell, lengths: lengths, savesReserve: false)
        return try stack.run()
    }
}

/// A stack of recurrent layers that remembers what its backward pass needs.
package struct RecurrentStack: Sendable {
    private let kind: RecurrentKind
    private let input: Tensor
    private let layers: [[RecurrentWeights]]
    private let hidden: Tensor?
    private let cell: Tensor?
    private let lengths: [Int]?
    private let savesReserve: Bool
    private let directions: Int
    private let hiddenSize: Int
    /// Units of `h`: those of the projection, or the hidden ones.
    private let stateSize: Int
    /// Every direction of every layer in turn, after ``run()``.
    private var calls: [(call: RecurrentCall, reserve: Tensor?)] = []

    /// Checks the operands; see ``recurrent(_:_:layers:hidden:cell:lengths:)``.
    package init(
        _ kind: RecurrentKind, _ input: Tensor, layers: [[RecurrentWeights]], hidden: Tensor? = nil,
        cell: Tensor? = nil, lengths: [Int]? = nil, savesReserve: Bool = true
    ) throws(TensorError) {
        guard let directions = layers.first?.count, (1...2).contains(directions),
            layers.allSatisfy({ $0.count == directions }), input.rank == 3,
            let hiddenWeight = layers.first?.first?.hiddenWeight, hiddenWeight.rank == 2
        else {
            throw TensorError(
                .badShape, "recurrent",
                "there must be an input [B, T, I] and one layer or more, each with 1 or 2 directions: input \(input.shape), "
                    + "directions \(layers.map(\.count))")
        }
        (self.kind, self.input, self.layers, self.lengths) = (kind, input, layers, lengths)
        (self.hidden, self.cell, self.savesReserve, self.directions) = (hidden, cell, savesReserve, directions)
        for weights in layers.joined() where weights.projectionWeight.map({ $0.rank != 2 }) ?? false {
            throw TensorError(.badShape, "recurrent", "a projection must be a matrix [P, H]: \(weights.shapes)")
        }
        stateSize = hiddenWeight.shape[1]
        hiddenSize = layers[0][0].hiddenSize
        let states = Shape([layers.count * directions, input.shape[0], stateSize])
        let cells = Shape([layers.count * directions, input.shape[0], hiddenSize])
        for (given, shape) in [(hidden, states), (cell, cells)] where given.map({ $0.shape != shape }) ?? false {
            throw TensorError(
                .badShape, "recurrent", "initial states must be \(shape), not \(given.map { "\($0.shape)" } ?? "none")"
            )
        }
        for weights in layers.joined()
        where weights.hiddenWeight.rank != 2 || weights.stateSize != stateSize || weights.hiddenSize != hiddenSize {
            throw TensorError(
                .badShape, "recurrent", "layers differ in hidden units: \(hiddenSize) and \(weights.shapes)")
        }
    }

    /// The forward pass.
    package mutating func run() throws(TensorError) -> RecurrentResult {
        calls = []
        var below = input
        let (batch, time) = (input.shape[0], input.shape[1])
        var lastHidden = Tensor.zeros([layers.count * directions, batch, stateSize])
        var lastCell = Tensor.zeros([kind == .lstm ? layers.count * directions : 0, batch, hiddenSize])
        for (layer, sides) in layers.enumerated() {
            var output = Tensor.zeros([batch, time, directions * stateSize])
            for (direction, weights) in sides.enumerated() {
                let index = layer * directions + direction
                let call = try RecurrentCall(
                    kind, below, weights: weights, hidden: hidden?.selecting(axis: 0, index: index),
                    cell: cell?.selecting(axis: 0, index: index), lengths: lengths, reversed: direction == 1)
                var reserve = savesReserve ? Tensor.zeros(call.reserveShape) : nil
                try output.withUnsafeMutableElements { output throws(TensorError) in
                    try lastHidden.withUnsafeMutableElements { lastHidden throws(TensorError) in
                        try lastCell.withUnsafeMutableElements { lastCell throws(TensorError) in
                            let place = index * batch
                            var targets = RecurrentCall.Targets(
                                output: output.baseAddress.map { $0 + direction * stateSize },
                                outputBatch: time * directions * stateSize, outputTime: directions * stateSize,
                                hidden: lastHidden.baseAddress.map { $0 + place * stateSize },
                                cell: kind == .lstm ? lastCell.baseAddress.map { $0 + place * hiddenSize } : nil)
                            if reserve == nil { return try call.run(targets) }
                            try reserve?.withUnsafeMutableElements { reserve throws(TensorError) in
                                targets.reserve = reserve.baseAddress
                                try call.run(targets)
                            }
                        }
                    }
                }
                calls.append((call, reserve))
            }
            below = output
        }
        return RecurrentResult(output: below, hidden: lastHidden, cell: kind == .lstm ? lastCell : nil)
    }

    /// The result of ``gradients(_:)``.
    package struct Gradients: Sendable {
        package var input: Tensor
        /// The hidden, `[L * D, B, H]`.
        package var hidden: Tensor
        /// only for an LSTM.
        package var cell: Tensor?
        /// As the layers: `[layer][direction]`.
        package var weights: [[RecurrentWeights]]
    }

    /// The gradients, after ``run()`` with a reserve: from those of the output, `[B, T, D * H]`, and of the states,
    /// `[L * D, B, H]`.
    package func gradients(_ outputGradients: RecurrentOutputGradients) throws(TensorError) -> Gradients {
        require(calls.count == layers.count * directions && savesReserve, "recurrent: gradients without a forward pass")
        let states = Shape([calls.count, input.shape[0], stateSize])
        let cells = Shape([calls.count, input.shape[0], hiddenSize])
        for (given, shape) in [(outputGradients.hidden, states), (outputGradients.cell, cells)]
        where given.map({ $0.shape != shape }) ?? false {
            throw TensorError(.badShape, "recurrent", "gradients of the states must be \(shape)")
        }
        var outputGradient = outputGradients.output
        var weights: [[RecurrentWeights]] = []
        var (hidden, cell) = ([Float](), [Float]())
        var below = Tensor.zeros(input.shape)
        for layer in layers.indices.reversed() {
            var sides: [RecurrentGradients] = []
            for direction in 0..<directions {
                let index = layer * directions + direction
                let (call, reserve) = calls[index]
                guard let reserve else { continue }
                sides.append(
                    try call.gradients(
                        .all, reserve: reserve,
                        RecurrentOutputGradients(
                            output: outputGradient?.slice(
                                axis: 2, range: direction * stateSize..<(direction + 1) * stateSize),
                            hidden: outputGradients.hidden?.selecting(axis: 0, index: index),
                            cell: outputGradients.cell?.selecting(axis: 0, index: index))))
            }
            let inputs = sides.compactMap(\.input)
            below = inputs.dropFirst().reduce(inputs[0], +)
            outputGradient = below
            weights.insert(sides.compactMap(\.weights), at: 0)
            hidden.insert(contentsOf: sides.compactMap(\.hidden).flatMap(\.elements), at: 0)
            cell.insert(contentsOf: sides.compactMap(\.cell).flatMap(\.elements), at: 0)
        }
        return Gradients(
            input: below, hidden: Tensor(hidden, shape: states),
            cell: kind == .lstm ? Tensor(cell, shape: cells) : nil,
            weights: weights)
    }
}

extension RecurrentGradients {
    /// The gradients of the weights, if there are both.
    fileprivate var weights: RecurrentWeights? {
        guard let inputWeight, let hiddenWeight else { return nil }
        return RecurrentWeights(
            inputWeight: inputWeight, hiddenWeight: hiddenWeight, inputBias: inputBias, hiddenBias: hiddenBias,
            projectionWeight: projectionWeight)
    }
}
