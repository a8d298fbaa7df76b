import HeedTensor

/// A ``Linear`` layer for inference: the weight is packed once, and nothing is recorded.
///
///     let layer = linear.packed(as: .bfloat16)
///     let output = layer(input, activation: .gelu)
///
/// In `.float32` the outputs have the bits of the original layer, and one row is computed at the speed of memory. In
/// `.bfloat16` weights and inputs are rounded, half the memory is read, and sums stay `Float`.
///
/// Do not use it for training: it does not see later changes of the layer.
public struct PackedLinear: Sendable {
    /// The weight, `[out, in]`.
    public let weight: PackedWeights
    /// The bias, `[out]`.
    public let bias: Tensor?

    /// Packs a weight `[out, in]`.
    public init(weight: Tensor, bias: Tensor? = nil, as element: ElementType = .float32) {
        self.weight = PackedWeights(weight, as: element)
        self.bias = bias
    }

    /// Returns the outputs `[..., out]` of inputs `[..., in]`.
    public func callAsFunction(_ input: Tensor, activation: Activation = .identity) -> Tensor {
        linear(input, weight: weight, bias: bias, activation: activation)
    }

    /// The same into a tensor that is reused from call to call; `rounded` holds the inputs if the weight is bfloat16.
    package func run(
        _ input: Tensor, activation: Activation = .identity, into output: inout Tensor, rounded: inout BFloat16Tensor
    ) {
        weight.multiply(input, bias: bias, activation: activation, into: &output, rounded: &rounded)
    }

    /// The bytes of memory that a product reads.
    public var byteCount: Int { weight.byteCount + (bias?.count ?? 0) * MemoryLayout<Float>.stride }

    /// The number of operations per row: two per weight.
    package var operationsPerRow: Double { 2 * Double(weight.shape.count) }
}

extension Linear {
    /// Returns the layer packed for inference.
    ///
    /// - Parameter element: The type of the packed weight; by default `Float`.
    public func packed(as element: ElementType = .float32) -> PackedLinear {
        PackedLinear(weight: weight.value, bias: bias?.value, as: element)
    }
}
