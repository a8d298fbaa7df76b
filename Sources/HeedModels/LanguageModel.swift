import HeedAutograd
import HeedNN
import HeedTensor

/// A model that gives every token a logit for being the next one, from the tokens before it.
public protocol LanguageModel: Module {
    /// The type of the model for inference.
    associatedtype Packed: PackedLanguageModel

    /// The number of tokens.
    var vocabularySize: Int { get }

    /// The most tokens that the model sees at once; nil for any number.
    var contextLength: Int? { get }

    /// Returns the logits of the token after each.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, length]`.
    ///   - recurrentState: The state that the call for the tokens before these returned; empty at the beginning.
    ///   - Returns: The logits `[batch, length, vocabularySize]`, and the state for the tokens after these.
    func logits(_ tokens: IndexTensor, recurrentState: [Tensor], in context: Context) -> (
        logits: Variable, recurrentState: [Tensor]
    )

    /// Returns the shapes of the state that ``logits(_:recurrentState:in:)`` passes on for that many sequences; nil,
    /// the default, if they are not known.
    func recurrentStateShapes(batch: Int) -> [Shape]?

    /// Returns the model for inference: its present weights, packed once.
    ///
    /// - Parameter element: The type of the packed weights.
    /// - Throws: ``ModelError`` if a model of this kind has no such weights.
    func packed(as element: ElementType) throws(ModelError) -> Packed
}

extension LanguageModel {
    /// Computes, in inference, the logits of the token behind each, for tokens that come from outside.
    ///
    /// - Parameter tokens: `[batch, length]`.
    /// - Returns: `[batch, length, vocabularySize]`.
    /// - Throws: ``TensorError`` if the tokens are not of two axes, are more than ``contextLength``, or one of them
    ///   is not from 0 to `vocabularySize - 1`.
    public func logits(validating tokens: IndexTensor) throws(TensorError) -> Tensor {
        guard tokens.rank == 2 else {
            throw TensorError(.badShape, "logits", "tokens of shape \(tokens.shape) are not [batch, length]")
        }
        if let contextLength, tokens.shape[1] > contextLength {
            throw TensorError(
                .badShape, "logits", "tokens of shape \(tokens.shape) are more than the model sees: \(contextLength)")
        }
        try tokens.check(within: 0..<vocabularySize, as: "token")
        return logits(tokens, recurrentState: [], in: Context()).logits.value
    }

    public func recurrentStateShapes(batch: Int) -> [Shape]? { nil }
}
