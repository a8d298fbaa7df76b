internal import CKernels

/// A recurrent layer in one direction over one batch of sequences, checked and described once, to be run any number of times.
package struct RecurrentCall: Sendable {
    package let kind: RecurrentKind
    let weights: RecurrentWeights
    let packed: PackedRecurrentWeights?
    let input: Tensor
    let h0: Tensor?
    let c0: Tensor?
    private let lengths: [Int64]?
    private let reverse: Bool
    private let hidden: Int

    /// - Parameters:
    ///   - input: `[B, T, I]`; views are read where they lie if their last axis is contiguous.
    ///   - h0: `[B, H]`, or nil for zeros.
    ///   - c0: the same, for `.lstm` alone.
    ///   - lengths: the steps of each sequence, or nil for all.
    ///   - reverse: begins at each sequence's end.
    package init(
        _ kind: RecurrentKind, _ input: Tensor, weights: RecurrentWeights, packed: PackedRecurrentWeights? = nil,
        h0: Tensor? = nil, c0: Tensor? = nil, lengths: [Int]? = nil, reverse: Bool = false
    ) throws(TensorError) {
        func refuse(_ reason: String) -> TensorError {
            TensorError(.badShape, "recurrent", "\(reason): \(Self.shapes(input, weights, h0, c0))")
        }
        guard input.rank == 3, weights.input.rank == 2, weights.state.rank == 2 else {
            throw refuse("the input must be [B, T, I], weights [G * H, I] and [G * H, H]")
        }
        let hidden = weights.state.shape[1]
        let (rows, overflow) = kind.gates.multipliedReportingOverflow(by: hidden)
        guard !overflow, weights.state.shape[0] == rows,
            weights.input.shape == Shape(rows: rows, columns: input.shape[2])
        else {
            throw refuse("weights of \(kind) must be [\(kind.gates) * H, I] and [\(kind.gates) * H, H]")
        }
        func fits(_ bias: Tensor?) -> Bool { bias.map { $0.rank == 1 && $0.shape[0] == rows } ?? true }
        guard fits(weights.inputBias), fits(weights.stateBias) else { throw refuse("biases must be [\(rows)]") }
        let state = Shape(rows: input.shape[0], columns: hidden)
        guard (h0?.shape ?? state) == state, (c0?.shape ?? state) == state else {
            throw refuse("initial states must be \(state)")
        }
        guard c0 == nil || kind == .lstm else { throw refuse("\(kind) has no cell state") }
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
            input: weights.input.contiguous(), state: weights.state.contiguous(),
            inputBias: weights.inputBias?.contiguous(), stateBias: weights.stateBias?.contiguous())
        self.h0 = h0?.contiguous()
        self.c0 = c0?.contiguous()
        self.lengths = lengths?.map(Int64.init)
        self.reverse = reverse
        self.hidden = hidden
        var descriptor = descriptor
        // SIZE_MAX, which overflow gives, is imported as -1.
        guard heed_recurrent_reserve_size(&descriptor) >= 0 else { throw refuse("too much memory is needed") }
    }

    /// What an error names; made only where there is one.
    private static func shapes(_ input: Tensor, _ weights: RecurrentWeights, _ h0: Tensor?, _ c0: Tensor?) -> String {
        "input \(input.shape), \(weights.shapes), h0 \(h0.map { "\($0.shape)" } ?? "none"), c0 "
            + "\(c0.map { "\($0.shape)" } ?? "none")"
    }

    /// The sizes and strides for the kernels, but for the lengths.
    var descriptor: HeedRecurrentShape {
        var descriptor = HeedRecurrentShape()
        descriptor.cell = kind.cell
        descriptor.reverse = reverse
        (descriptor.batch, descriptor.time) = (input.shape[0], input.shape[1])
        (descriptor.input, descriptor.hidden) = (input.shape[2], hidden)
        (descriptor.input_batch, descriptor.input_time) = (input.layout.strides[0], input.layout.strides[1])
        (descriptor.output_batch, descriptor.output_time) = (input.shape[1] * hidden, hidden)
        return descriptor
    }

    /// `[B, T, H]`.
    package var outputShape: Shape { Shape(batch: input.shape[0], rows: input.shape[1], columns: hidden) }
    /// `[B, H]`.
    package var stateShape: Shape { Shape(rows: input.shape[0], columns: hidden) }
    /// Floats that training keeps from the forward pass for the backward pass.
    package var reserveShape: Shape {
        withUnsafePointer(to: descriptor) { [heed_recurrent_reserve_size($0) / MemoryLayout<Float>.size] }
    }

    /// Where the results of a forward pass go. `output` stands at `[0, 0, 0]` of an array `[B, T, H]` with these strides.
    struct Targets {
        var output: UnsafeMutablePointer<Float>?
        var outputBatch: Int
        var outputTime: Int
        var hn: UnsafeMutablePointer<Float>?
        var cn: UnsafeMutablePointer<Float>?
        var reserve: UnsafeMutablePointer<Float>?
    }

    func run(_ targets: Targets) throws(TensorError) {
        var shape = descriptor
        (shape.output_batch, shape.output_time) = (targets.outputBatch, targets.outputTime)
        var outputs = HeedRecurrentOutputs(
            output: targets.output, hn: targets.hn, cn: targets.cn, reserve: targets.reserve)
        try withOperands(&shape) { shape, weights, inputs in
            heed_recurrent_forward(shape, weights, inputs, &outputs)
        }
    }

    /// The forward pass into tensors that are there, of ``outputShape`` and ``reserveShape`` (nil: inference): for benchmarks.
    package func run(into output: inout Tensor, reserve: inout Tensor?) throws(TensorError) {
        require(
            output.shape == outputShape && reserve.map { $0.shape == reserveShape } ?? true,
            "recurrent: the output is \(output.shape), not \(outputShape)")
        try output.withUnsafeMutableElements { output throws(TensorError) in
            var targets = Targets(
                output: output.baseAddress, outputBatch: outputShape[1] * hidden, outputTime: hidden)
            guard reserve != nil else { return try run(targets) }
            try reserve?.withUnsafeMutableElements { reserve throws(TensorError) in
                targets.reserve = reserve.baseAddress
                try run(targets)
            }
        }
    }

    /// The forward pass in inference into tensors that are kept from call to call: ``outputShape``, and ``stateShape`` for the last states
    /// (`cn` of an LSTM alone).
    package func run(into output: inout Tensor, hn: inout Tensor, cn: inout Tensor) throws(TensorError) {
        output.reuse(as: outputShape)
        hn.reuse(as: stateShape)
        if kind == .lstm { cn.reuse(as: stateShape) }
        try output.withUnsafeMutableElements { output throws(TensorError) in
            try hn.withUnsafeMutableElements { hn throws(TensorError) in
                try cn.withUnsafeMutableElements { cn throws(TensorError) in
                    try run(
                        Targets(
                            output: output.baseAddress, outputBatch: outputShape[1] * hidden, outputTime: hidden,
                            hn: hn.baseAddress, cn: kind == .lstm ? cn.baseAddress : nil))
                }
            }
        }
    }

    /// What the layer computes, and what its gradients need.
    package struct Result: Sendable {
        /// ``RecurrentCall/outputShape``; zeros behind a sequence's end.
        package let output: Tensor
        /// ``RecurrentCall/stateShape``, each at its sequence's own end.
        package let hn: Tensor
        /// The same, of an LSTM alone.
        package let cn: Tensor?
        /// ``RecurrentCall/reserveShape``, where it was asked for.
        package let reserve: Tensor?
    }

    /// The forward pass into tensors of its own; `keepsReserve` where gradients will be asked for.
    package func run(keepsReserve: Bool) throws(TensorError) -> Result {
        // Written below before anything else refers to them.
        let result = Result(
            output: .uninitialized(outputShape), hn: .uninitialized(stateShape),
            cn: kind == .lstm ? .uninitialized(stateShape) : nil,
            reserve: keepsReserve ? .uninitialized(reserveShape) : nil)
        try run(
            Targets(
                output: result.output.firstElement, outputBatch: outputShape[1] * hidden, outputTime: hidden,
                hn: result.hn.firstElement, cn: result.cn.map { $0.firstElement },
                reserve: result.reserve.map { $0.firstElement }))
        return result
    }

    /// Calls `body` with the shape, the weights and the inputs; throws what it returns.
    func withOperands(
        _ shape: inout HeedRecurrentShape,
        _ body: (
            UnsafePointer<HeedRecurrentShape>, UnsafePointer<HeedRecurrentWeights>, UnsafePointer<HeedRecurrentInputs>
        ) -> HeedStatus
    ) throws(TensorError) {
        defer { withExtendedLifetime(self) {} }
        var operands = HeedRecurrentWeights(
            w_ih: UnsafePointer(weights.input.firstElement), w_hh: UnsafePointer(weights.state.firstElement),
            b_ih: weights.inputBias.map { UnsafePointer($0.firstElement) },
            b_hh: weights.stateBias.map { UnsafePointer($0.firstElement) }, packed: nil)
        if let packed { operands.packed = UnsafeRawPointer(packed.packed.firstElement) }
        var inputs = HeedRecurrentInputs(
            input: UnsafePointer(input.firstElement), h0: h0.map { UnsafePointer($0.firstElement) },
            c0: c0.map { UnsafePointer($0.firstElement) })
        let status: HeedStatus
        if let lengths {
            status = lengths.withUnsafeBufferPointer { lengths in
                shape.lengths = lengths.baseAddress
                return body(&shape, &operands, &inputs)
            }
        } else {
            status = body(&shape, &operands, &inputs)
        }
        try status.check("recurrent", Self.shapes(input, weights, h0, c0))
    }

    /// The same call with the input in rows of its own.
    func contiguousInput() throws(TensorError) -> RecurrentCall {
        try RecurrentCall(
            kind, input.contiguous(), weights: weights, packed: packed, h0: h0, c0: c0,
            lengths: lengths.map { $0.map(Int.init) }, reverse: reverse)
    }
}
