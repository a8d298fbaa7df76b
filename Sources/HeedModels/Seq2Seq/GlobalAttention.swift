import HeedAutograd
import HeedNN
import HeedTensor

/// The attention of a decoder over a whole source with one of the three scores of Luong, Pham and Manning ("Effective
/// approaches to attention-based neural machine translation", 2015): `softmax_j(score(s_i, h_j))` over the source's own
/// tokens.
///
/// Parameters: those of ``MultiplicativeAttention`` or, for concat, of ``AdditiveAttention``.
public struct GlobalAttention: Module {
    /// How a state `s` of the decoder and a state `h` of the encoder, both of one size, are compared.
    public enum Score: String, Sendable, Equatable, CaseIterable {
        /// The dot product `s . h`.
        case dot
        /// The bilinear form `s^T W h`.
        case general
        /// A hidden layer over both, `v^T tanh(W [s; h])`, with `v` of the states' size.
        case concat
    }

    var multiplicative: MultiplicativeAttention?
    var additive: AdditiveAttention?

    /// Makes attention over states of this size, with random weights.
    public init(_ score: Score, size: Int, using generator: inout RandomGenerator) {
        switch score {
        case .dot: multiplicative = MultiplicativeAttention()
        case .general: multiplicative = MultiplicativeAttention(querySize: size, keySize: size, using: &generator)
        case .concat:
            additive = AdditiveAttention(querySize: size, keySize: size, attentionSize: size, using: &generator)
        }
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        if multiplicative != nil { visit(&multiplicative!) }
        if additive != nil { visit(&additive!) }
    }

    /// Returns the mean of the encoder's states by their weights, `[batch, queries, size]`, and the weights,
    /// `[batch, queries, keys]`.
    ///
    /// - Parameters:
    ///   - queries: The decoder's states, `[batch, queries, size]`.
    ///   - states: The encoder's, `[batch, keys, size]`.
    ///   - lengths: The number of keys of each sequence.
    public func callAsFunction(
        _ queries: Variable, states: Variable, lengths: [Int], in context: Context
    ) -> (output: Variable, weights: Variable) {
        if let additive { return additive(queries, keys: states, values: states, lengths: lengths, in: context) }
        guard let multiplicative else { programmerError("GlobalAttention: there is no score") }
        return multiplicative(queries, keys: states, values: states, lengths: lengths, in: context)
    }

    /// The encoder's states, prepared once for a decoder that attends to them step by step.
    public struct Memory: Sendable {
        let states: Tensor
        let lengths: [Int]
        let projected: AdditiveAttention.Memory?
    }

    /// Prepares the encoder's states `[batch, keys, size]` for any number of steps.
    public func makeMemory(_ states: Tensor, lengths: [Int]) -> Memory {
        Memory(
            states: states, lengths: lengths,
            projected: additive?.makeMemory(keys: states, values: states, lengths: lengths))
    }

    /// Returns output and weights in inference, with the bits of attention over the same states.
    public func callAsFunction(_ queries: Tensor, memory: Memory) -> (output: Tensor, weights: Tensor) {
        if let additive, let projected = memory.projected { return additive(queries, memory: projected) }
        let result = self(
            Variable(queries), states: Variable(memory.states), lengths: memory.lengths, in: Context())
        return (result.output.value, result.weights.value)
    }
}
