internal import CKernels

/// A recurrent layer in one direction over one batch of sequences, checked and described once. It can run any number of
/// times.
package struct RecurrentCall: Sendable {
    package let kind: RecurrentKind
    let weights: RecurrentWeights
    let packed: PackedRecurrentWeights?
    let input: Tensor
    let hidden: Tensor?
    let cell: Tensor?
    private let lengths: [Int64]?
    private let isReversed: Bool
    private let hiddenSize: Int
    /// Units of the state: those of the projection, or the hidden ones.
    private let stateSize: Int

    /// - Parameters:
    ///   - input: `[B, T, I]`; views are read in place if their last axis is contiguous.
    ///   - hidden: `[B, H]`, or nil for zeros.
    ///   - cell: the same, only for `.lstm`.
    ///   - lengths: the steps of each sequence, or nil for all.
    ///   - reversed: Whether it begins at each sequence's end.
    package init(
        _ kind: RecurrentKind, _ input: Tensor, weights: RecurrentWeights, packed: PackedRecurrentWeights? = nil,
        hidden: Tensor? = nil, cell: Tensor? = nil, lengths: [Int]? = nil, reversed: Bool = false
    ) throws(TensorError) {
        func refuse(_ reason: String) -> TensorError {
            TensorError(.badShape, "recurrent", "\(reason): \(Self.shapes(input, weights, hidden, cell))")
        }
        guard input.rank == 3, weights.inputWeight.rank == 2, weights.hiddenWeight.rank == 2 else {
            throw refuse("the input must be [B, T, I], weights [G * H, I] and [G * H, H]")
        }
        guard weights.projectionWeight.map({ kind == .lstm && $0.rank == 2 }) ?? true else {
            throw refuse("only an LSTM has a projection, with weights [P, H]")
        }
        let (stateSize, hiddenSize) = (weights.stateSize, weights.hiddenSize)
        if let projection = weights.projectionWeight {
            guard projection.shape[0] == stateSize, stateSize < hiddenSize else {
                throw refuse("a projection must be [P, H] with P < H, and the hidden weight [\(kind.gates) * H, P]")
            }
        }
        let (rows, overflow) = kind.gates.multipliedReportingOverflow(by: hiddenSize)
        guard !overflow, weights.hiddenWeight.shape[0] == rows,
            weights.inputWeight.shape == Shape(rows: rows, columns: input.shape[2])
        else {
            throw refuse("weights of \(kind) must be [\(kind.gates) * H, I] and [\(kind.gates) * H, H]")
        }
        func fits(_ bias: Tensor?) -> Bool { bias.map { $0.rank == 1 && $0.shape[0] == rows } ?? true }
        guard fits(weights.inputBias), fits(weights.hiddenBias) else { throw refuse("biases must be [\(rows)]") }
        let state = Shape(rows: input.shape[0], columns: stateSize)
        let cellState = Shape(rows: input.shape[0], columns: hiddenSize)
        guard (hidden?.shape ?? state) == state, (cell?.shape ?? cellState) == cellState else {
            throw refuse("initial states must be \(state)" + (cell == nil ? "" : ", cell states \(cellState)"))
        }
        guard cell == nil || kind == .lstm else { throw refuse("\(kind) has no cell state") }
        if let lengths {
            guard lengths.count == input.shape[0], lengths.allSatisfy({ (0...input.shape[1]).contains($0) }) else {
                throw refuse("lengths must be \(input.shape[0]) numbers from 0 to \(input.shape[1])")
            }
        }
        let isReadable = input.layout.strides[2] == 1 || input.shape[2] <= 1
        self.input = isReadable ? input : input.contiguous()
        self.kind = kind
        self.packed = packed
        self.weights = RecurrentWeights(
            inputWeight: weights.inputWeight.contiguous(), hiddenWeight: weights.hiddenWeight.contiguous(),
            inputBias: weights.inputBias?.contiguous(), hiddenBias: weights.hiddenBias?.contiguous(),
            projectionWeight: weights.projectionWeight?.contiguous())
        self.hidden = hidden?.contiguous()
        self.cell = cell?.contiguous()
        self.lengths = lengths?.map(Int64.init)
        isReversed = reversed
        (self.hiddenSize, self.stateSize) = (hiddenSize, stateSize)
        var descriptor = descriptor
        // SIZE_MAX, which overflow gives, is imported as -1.
        guard heed_recurrent_reserve_size(&descriptor) >= 0 else { throw refuse("too much memory is needed") }
    }

    /// The shapes for an error's text, made only if there is an error.
    private static func shapes(_ input: Tensor, _ weights: RecurrentWeights, _ hidden: Tensor?, _ cell: Tensor?)
        -> String
    {
        "input \(input.shape), \(weights.shapes), hidden \(hidden.map { "\($0.shape)" } ?? "none"), cell "
            + "\(cell.map { "\($0.shape)" } ?? "none")"
    }

    /// The sizes and strides for the kernels, except the lengths.
    var descriptor: HeedRecurrentShape {
        var descriptor = HeedRecurrentShape()
        descriptor.cell = kind.cell
        descriptor.reverse = isReversed
        (descriptor.batch, descriptor.time) = (input.shape[0], input.shape[1])
        (descriptor.input, descriptor.hidden) = (input.shape[2], hiddenSize)
        (descriptor.input_batch, descriptor.input_time) = (input.layout.strides[0], input.layout.strides[1])
        descriptor.projection = weights.projectionWeight == nil ? 0 : stateSize
        (descriptor.output_batch, descriptor.output_time) = (input.shape[1] * stateSize, stateSize)
        return descriptor
    }

    /// The output shape, `[B, T, H]`, with a projection `[B, T, P]`.
    package var outputShape: Shape { Shape(batch: input.shape[0], rows: input.shape[1], columns: stateSize) }
    /// The state shape, `[B, H]`, with a projection `[B, P]`.
    package var stateShape: Shape { Shape(rows: input.shape[0], columns: stateSize) }
    /// The shape of the cell states of an LSTM, `[B, H]`.
    package var cellShape: Shape { Shape(rows: input.shape[0], columns: hiddenSize) }
    /// Floats that training saves from the forward pass for the backward pass.
    package var reserveShape: Shape {
        withUnsafePointer(to: descriptor) { [heed_recurrent_reserve_size($0) / MemoryLayout<Float>.size] }
    }

    /// The addresses for the results of a forward pass. `output` is element `[0, 0, 0]` of an array `[B, T, H]` with
    /// these strides.
    struct Targets {
        var output: UnsafeMutablePointer<Float>?
        var outputBatch: Int
        var outputTime: Int
        var hidden: UnsafeMutablePointer<Float>?
        var cell: UnsafeMutablePointer<Float>?
        var reserve: UnsafeMutablePointer<Float>?
    }

    func run(_ targets: Targets) throws(TensorError) {
        var shape = descriptor
        (shape.output_batch, shape.output_time) = (targets.outputBatch, targets.outputTime)
        var outputs = HeedRecurrentOutputs(
            output: targets.output, h_n: targets.hidden, c_n: targets.cell, reserve: targets.reserve)
        try withOperands(&shape) { shape, weights, inputs in
            heed_recurrent_forward(shape, weights, inputs, &outputs)
        }
    }

    /// The forward pass into existing tensors, of ``outputShape`` and ``reserveShape`` (nil: inference): for
    /// benchmarks.
    package func run(into output: inout Tensor, reserve: inout Tensor?) throws(TensorError) {
        require(
            output.shape == outputShape && reserve.map { $0.shape == reserveShape } ?? true,
            "recurrent: the output is \(output.shape), not \(outputShape)")
        try output.withUnsafeMutableElements { output throws(TensorError) in
            var targets = Targets(
                output: output.baseAddress, outputBatch: outputShape[1] * stateSize, outputTime: stateSize)
            guard reserve != nil else { return try run(targets) }
            try reserve?.withUnsafeMutableElements { reserve throws(TensorError) in
                targets.reserve = reserve.baseAddress
                try run(targets)
            }
        }
    }

    /// The forward pass in inference into tensors that are reused from call to call: ``outputShape``, and
    /// ``stateShape`` for the last states (`cell` only of an LSTM).
    package func run(into output: inout Tensor, hidden: inout Tensor, cell: inout Tensor) throws(TensorError) {
        output.reuse(as: outputShape)
        hidden.reuse(as: stateShape)
        if kind == .lstm { cell.reuse(as: cellShape) }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            try hidden.withUnsafeMutableElements { hidden throws(TensorError) in
                try cell.withUnsafeMutableElements { cell throws(TensorError) in
                    try run(
                        Targets(
                            output: output.baseAddress, outputBatch: outputShape[1] * stateSize,
                            outputTime: stateSize,
                            hidden: hidden.baseAddress, cell: kind == .lstm ? cell.baseAddress : nil))
                }
            }
        }
    }

    /// The results of the layer, and the data that its gradients need.
    package struct Result: Sendable {
        /// ``RecurrentCall/outputShape``; zeros after a sequence's end.
        package let output: Tensor
        /// ``RecurrentCall/stateShape``, each at its sequence's own end.
        package let hidden: Tensor
        /// The cell states, ``RecurrentCall/cellShape``, only of an LSTM.
        package let cell: Tensor?
        /// ``RecurrentCall/reserveShape``, if it was asked for.
        package let reserve: Tensor?
    }

    /// Computes the forward pass into new tensors. `savesReserve` is true if gradients will be asked for.
    package func run(savesReserve: Bool) throws(TensorError) -> Result {
        // Written below before anything else refers to them.
        let result = Result(
            output: .uninitialized(outputShape), hidden: .uninitialized(stateShape),
            cell: kind == .lstm ? .uninitialized(cellShape) : nil,
            reserve: savesReserve ? .uninitialized(reserveShape) : nil)
        try run(
            Targets(
                output: result.output.firstElement, outputBatch: outputShape[1] * stateSize, outputTime: stateSize,
                hidden: result.hidden.firstElement, cell: result.cell.map { $0.firstElement },
                reserve: result.reserve.map { $0.firstElement }))
        return result
    }

    /// Calls `body` with the shape, the weights and the inputs, and throws if it returns an error.
    func withOperands(
        _ shape: inout HeedRecurrentShape,
        _ body: (
            UnsafePointer<HeedRecurrentShape>, UnsafePointer<HeedRecurrentWeights>, UnsafePointer<HeedRecurrentInputs>
        ) -> HeedStatus
    ) throws(TensorError) {
        defer { withExtendedLifetime(self) {} }
        var operands = HeedRecurrentWeights(
            w_ih: UnsafePointer(weights.inputWeight.firstElement),
            w_hh: UnsafePointer(weights.hiddenWeight.firstElement),
            b_ih: weights.inputBias.map { UnsafePointer($0.firstElement) },
            b_hh: weights.hiddenBias.map { UnsafePointer($0.firstElement) }, packed: nil,
            w_hr: weights.projectionWeight.map { UnsafePointer($0.firstElement) })
        if let packed { operands.packed = UnsafeRawPointer(packed.packed.firstElement) }
        var inputs = HeedRecurrentInputs(
            input: UnsafePointer(input.firstElement), h_0: hidden.map { UnsafePointer($0.firstElement) },
            c_0: cell.map { UnsafePointer($0.firstElement) })
        let status: HeedStatus
        if let lengths {
            status = lengths.withUnsafeBufferPointer { lengths in
                shape.lengths = lengths.baseAddress
                return body(&shape, &operands, &inputs)
            }
        } else {
            status = body(&shape, &operands, &inputs)
        }
        try status.check("recurrent", Self.shapes(input, weights, hidden, cell))
    }

    /// Returns the same call with the input copied to contiguous rows.
    func contiguousInput() throws(TensorError) -> RecurrentCall {
        try RecurrentCall(
            kind, input.contiguous(), weights: weights, packed: packed, hidden: hidden, cell: cell,
            lengths: lengths.map { $0.map(Int.init) }, reversed: isReversed)
    }
}
