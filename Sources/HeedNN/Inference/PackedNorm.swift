import HeedTensor

/// A ``LayerNorm`` of a residual stream, for inference.
package struct PackedNorm: Sendable {
    private let norm: Norm
    private let weight: Tensor
    private let bias: Tensor?

    package init(_ layer: LayerNorm) {
        norm = Norm(kind: .layer, epsilon: layer.epsilon)
        (weight, bias) = (layer.weight.value, layer.bias?.value)
    }

    /// `stream <- stream + added`, `output <- norm(stream)`: the bits of ``LayerNorm/callAsFunction(adding:to:in:)``.
    package func run(adding added: Tensor, to stream: inout Tensor, into output: inout Tensor) {
        norm.add(added, to: &stream, weight: weight, bias: bias, into: &output)
    }

    package var byteCount: Int { (weight.count + (bias?.count ?? 0)) * MemoryLayout<Float>.stride }
}
