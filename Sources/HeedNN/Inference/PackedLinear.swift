import HeedTensor

/// A ``Linear`` layer as inference runs it: the weight packed once, nothing recorded.
///
///     let layer = linear.packed(as: .bfloat16)
///     let output = layer(input, activation: .gelu)
///
/// In `.float32` the outputs have the bits of the layer that it was made of, a row at the speed of memory. In
/// `.bfloat16` weights and inputs are rounded, half the memory is read, and sums stay `Float`.
///
/// Not for training: it does not see what the layer learns afterwards.
public struct PackedLinear: Sendable {
    /// `[out, in]`.
    public let weight: PackedWeights
    /// `[out]`.
    public let bias: Tensor?

    /// Packs a weight `[out, in]`.
    public init(weight: Tensor, bias: Tensor? = nil, as element: ElementType = .float32) {
        self.weight = PackedWeights(weight, as: element)
        self.bias = bias
    }

    /// The outputs `[..., out]` of inputs `[..., in]`.
    public func callAsFunction(_ input: Tensor, activation: Activation = .identity) -> Tensor {
        linear(input, weight: weight, bias: bias, activation: activation)
    }

    /// The same into a tensor that is kept from call to call; `rounded` holds the inputs where the weight is bfloat16.
    package func run(
        _ input: Tensor, activation: Activation = .identity, into output: inout Tensor, rounded: inout BFloat16Tensor
    ) {
        weight.multiply(input, bias: bias, activation: activation, into: &output, rounded: &rounded)
    }

    /// Bytes of memory that a product reads.
    public var byteCount: Int { weight.byteCount + (bias?.count ?? 0) * MemoryLayout<Float>.stride }

    /// Two operations for each weight and row.
    package var operationsPerRow: Double { 2 * Double(weight.shape.count) }
}

extension Linear {
    /// The layer as inference runs it.
    ///
    /// - Parameter element: What the packed weight keeps; `Float` unless given.
    public func packed(as element: ElementType = .float32) -> PackedLinear {
        PackedLinear(weight: weight.value, bias: bias?.value, as: element)
    }
}
