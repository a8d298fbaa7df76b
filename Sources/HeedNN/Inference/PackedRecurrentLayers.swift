import HeedTensor

/// ``RecurrentLayers`` of one direction, for inference: weights are packed once, and nothing is recorded.
public struct PackedRecurrentLayers: Sendable {
    private let kind: RecurrentKind
    private let layers: [(weights: RecurrentWeights, packed: PackedRecurrentWeights)]
    /// Units of the cells.
    private let hiddenSize: Int
    /// Units of the states and outputs: those of a projection, or the hidden ones.
    package let stateSize: Int

    /// The states of one sequence, `[layers, units]`; `cell` is an LSTM's.
    public struct State: Sendable {
        fileprivate var hidden: Tensor
        fileprivate var cell: Tensor
    }

    /// The memory of a step, reused from step to step.
    package struct Buffers: Sendable {
        /// The input of the layers, then their output: `[batch, time, size]`.
        package var sequence = Tensor.zeros([0, 0, 0])
        private(set) package var last = Tensor.zeros([0, 0])
        fileprivate var output = Tensor.zeros([0, 0, 0])
        fileprivate var cell = Tensor.zeros([0, 0])
        fileprivate var hiddenBefore = Tensor.zeros([0, 0])
        fileprivate var cellBefore = Tensor.zeros([0, 0])

        package init() {}

        fileprivate mutating func run(_ call: RecurrentCall) {
            trapping { () throws(TensorError) in try call.run(into: &output, hidden: &last, cell: &cell) }
        }
    }

    /// - Precondition: the layers run in one direction.
    package init(_ layers: RecurrentLayers) {
        require(
            !layers.isBidirectional, "PackedRecurrentLayers: layers that run backwards too cannot go on from a state")
        kind = layers.kind
        (hiddenSize, stateSize) = (layers.hiddenSize, layers.stateSize)
        self.layers = layers.parameters.map { parameters in
            let weights = RecurrentWeights(
                inputWeight: parameters.inputWeight.value, hiddenWeight: parameters.hiddenWeight.value,
                inputBias: parameters.inputBias?.value, hiddenBias: parameters.hiddenBias?.value,
                projectionWeight: parameters.projectionWeight?.value)
            return (weights, PackedRecurrentWeights(layers.kind, weights))
        }
    }

    /// The state before the first step.
    package func makeState() -> State {
        State(
            hidden: .zeros([layers.count, stateSize]),
            cell: kind == .lstm ? .zeros([layers.count, hiddenSize]) : .zeros([0, 0]))
    }

    /// Takes `buffers.sequence`, `[batch, time, input]`, through the layers: the last layer's output at each sequence's
    /// end is then in `buffers.last`, `[batch, hidden]`, and `states` holds the states there.
    ///
    /// - Parameter lengths: The steps of each sequence; nil for all.
    package func run(_ buffers: inout Buffers, lengths: [Int]?, states: inout [State]) {
        let batch = states.count
        for (index, layer) in layers.enumerated() {
            buffers.hiddenBefore.reuse(as: Shape(rows: batch, columns: stateSize))
            buffers.cellBefore.reuse(as: Shape(rows: kind == .lstm ? batch : 0, columns: hiddenSize))
            for sequence in 0..<batch {
                buffers.hiddenBefore.copyRow(sequence, from: states[sequence].hidden, index)
                if kind == .lstm { buffers.cellBefore.copyRow(sequence, from: states[sequence].cell, index) }
            }
            buffers.run(
                trapping { () throws(TensorError) in
                    try RecurrentCall(
                        kind, buffers.sequence, weights: layer.weights, packed: layer.packed,
                        hidden: buffers.hiddenBefore, cell: kind == .lstm ? buffers.cellBefore : nil, lengths: lengths)
                })
            for sequence in 0..<batch {
                states[sequence].hidden.copyRow(index, from: buffers.last, sequence)
                if kind == .lstm { states[sequence].cell.copyRow(index, from: buffers.cell, sequence) }
            }
            swap(&buffers.sequence, &buffers.output)
        }
    }

    // MARK: Costs

    package var extents: [MemoryExtent] { layers.map(\.packed.extent) }

    /// The bytes of weights that a step reads.
    package var byteCount: Int {
        layers.reduce(0) { sum, layer in
            let biases = (layer.weights.inputBias?.count ?? 0) + (layer.weights.hiddenBias?.count ?? 0)
            return sum + layer.packed.byteCount + biases * MemoryLayout<Float>.stride
        }
    }

    /// The floating point operations of a step of a sequence: those of the products.
    package var operationsPerStep: Double {
        layers.reduce(0) { sum, layer in
            let weights = layer.weights
            return sum + 2
                * Double(
                    weights.inputWeight.count + weights.hiddenWeight.count + (weights.projectionWeight?.count ?? 0))
        }
    }
}
