internal import CKernels

/// The function of a plain recurrent cell.
public enum RecurrentActivation: String, Sendable, Codable, CaseIterable { case tanh, relu, sigmoid }

/// The cell of a recurrent layer: the formulas of a step, with `a = w_ih x + b_ih` and `u = w_hh h + b_hh` cut into
/// gates.
public enum RecurrentKind: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// `h' = activation(a + u)`. Elman 1990.
    case rnn(RecurrentActivation = .tanh)
    /// `c' = f * c + i * g`, `h' = o * tanh(c')`, gates in the order i f g o. Hochreiter and Schmidhuber 1997, Gers et
    /// al. 2000.
    case lstm
    /// `h' = (1 - z) * n + z * h`, gates in the order r z n. With `resetAfter`, `n = tanh(a_n + r * u_n)`, as in
    /// PyTorch and cuDNN; else `n = tanh(a_n + w_hn (r * h) + b_hn)`, as in textbooks. Cho et al. 2014.
    case gru(resetAfter: Bool = true)

    /// All cells, with every activation and form.
    public static let allCases = RecurrentActivation.allCases.map(Self.rnn) + [.lstm, .gru(), .gru(resetAfter: false)]

    /// The name of the cell, e.g. `rnn(tanh)`, `lstm`, `gru`.
    public var description: String {
        switch self {
        case .rnn(let activation): "rnn(\(activation.rawValue))"
        case .lstm: "lstm"
        case .gru(resetAfter: true): "gru"
        case .gru(resetAfter: false): "gru(resetAfter: false)"
        }
    }

    /// The number of gates of the cell: weights have this many rows per hidden unit.
    public var gates: Int { heed_recurrent_gates(cell) }

    var cell: HeedRecurrentCell {
        switch self {
        case .rnn(.tanh): .rnnTanh
        case .rnn(.relu): .rnnRelu
        case .rnn(.sigmoid): .rnnSigmoid
        case .lstm: .lstm
        case .gru(resetAfter: true): .gruResetAfter
        case .gru(resetAfter: false): .gruResetBefore
        }
    }
}

/// The weights of one recurrent layer in one direction, laid out as in PyTorch. `H` hidden units, `I` inputs, `G`
/// gates.
public struct RecurrentWeights: Sendable {
    /// The input weight, `[G * H, I]`.
    public var inputWeight: Tensor
    /// The hidden weight, `[G * H, H]`, with a projection `[G * H, P]`.
    public var hiddenWeight: Tensor
    /// The input bias, `[G * H]`, or nil.
    public var inputBias: Tensor?
    /// The hidden bias, `[G * H]`, or nil.
    public var hiddenBias: Tensor?
    /// The projection's weight, `[P, H]`, or nil. It projects the state of an LSTM to `P < H` units,
    /// `h' = w_hr (o * tanh(c'))`. Source: Sak, Senior and Beaufays, "Long short-term memory recurrent neural network
    /// architectures for large scale acoustic modeling" (2014).
    public var projectionWeight: Tensor?

    /// Makes the weights of a layer. Their shapes are checked when they are used.
    public init(
        inputWeight: Tensor, hiddenWeight: Tensor, inputBias: Tensor? = nil, hiddenBias: Tensor? = nil,
        projectionWeight: Tensor? = nil
    ) {
        (self.inputWeight, self.hiddenWeight) = (inputWeight, hiddenWeight)
        (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
        self.projectionWeight = projectionWeight
    }

    /// Units of the state `h`: `P` with a projection, else `H`. `hiddenWeight` is a matrix.
    var stateSize: Int { hiddenWeight.shape[1] }

    /// `H`. The projection's weight, if there is one, is a matrix too.
    var hiddenSize: Int { projectionWeight?.shape[1] ?? hiddenWeight.shape[1] }

    var shapes: String {
        "weights \(inputWeight.shape) and \(hiddenWeight.shape), biases \(inputBias.map { "\($0.shape)" } ?? "none") "
            + "and \(hiddenBias.map { "\($0.shape)" } ?? "none")"
            + (projectionWeight.map { ", projection \($0.shape)" } ?? "")
    }
}

/// Weights packed once for any number of calls. Otherwise a single step, or a short sequence, would spend its time on
/// packing them.
public struct PackedRecurrentWeights: Sendable {
    let packed: Tensor
    let kind: RecurrentKind

    /// The bytes of memory.
    public var byteCount: Int { packed.count * MemoryLayout<Float>.stride }

    /// The memory that a step reads.
    package var extent: MemoryExtent { MemoryExtent(packed.storage, byteCount: byteCount) }

    /// - Precondition: the weights have the shapes `[G * H, I]` and `[G * H, H]`, or with a projection `[G * H, P]` and
    ///   `[P, H]`.
    public init(_ kind: RecurrentKind, _ weights: RecurrentWeights) {
        let (inputWeight, hiddenWeight) = (weights.inputWeight.contiguous(), weights.hiddenWeight.contiguous())
        let projectionWeight = weights.projectionWeight?.contiguous()
        require(
            inputWeight.rank == 2 && hiddenWeight.rank == 2 && projectionWeight.map { $0.rank == 2 } ?? true
                && inputWeight.shape[0] == hiddenWeight.shape[0]
                && hiddenWeight.shape[0] == kind.gates * weights.hiddenSize
                && (projectionWeight.map { kind == .lstm && $0.shape[0] == weights.stateSize } ?? true),
            "PackedRecurrentWeights: \(weights.shapes) do not fit \(kind)")
        var descriptor = HeedRecurrentShape()
        descriptor.cell = kind.cell
        (descriptor.input, descriptor.hidden) = (inputWeight.shape[1], weights.hiddenSize)
        descriptor.projection = projectionWeight?.shape[0] ?? 0
        let size = heed_recurrent_packed_size(&descriptor)
        // SIZE_MAX, which overflow gives, is imported as -1.
        require(size >= 0, "PackedRecurrentWeights: \(weights.shapes) are too large")
        let floats = size / MemoryLayout<Float>.size
        self.kind = kind
        packed = Tensor(shape: [floats]) { target in
            withExtendedLifetime((inputWeight, hiddenWeight, projectionWeight)) {
                var operands = HeedRecurrentWeights()
                operands.w_ih = UnsafePointer(inputWeight.firstElement)
                operands.w_hh = UnsafePointer(hiddenWeight.firstElement)
                operands.w_hr = projectionWeight.map { UnsafePointer($0.firstElement) }
                trapping { () throws(TensorError) in
                    try heed_recurrent_pack(&descriptor, &operands, target.baseAddress)
                        .check("PackedRecurrentWeights", weights.shapes)
                }
            }
        }
    }
}
