import HeedAutograd
import HeedNN
import HeedTensor

/// A model that gives every token a logit as the next one, from those before it.
public protocol LanguageModel: Module {
    /// What it is run as.
    associatedtype Packed: PackedLanguageModel

    /// How many tokens there are.
    var vocabularySize: Int { get }

    /// The most tokens that it sees at once; nil for any number.
    var contextLength: Int? { get }

    /// The logits of the token behind each.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, length]`.
    ///   - recurrentState: What the call before returned for the tokens before these; empty at a beginning.
    /// - Returns: `[batch, length, vocabularySize]`, and what the tokens behind these need of them.
    func logits(_ tokens: IndexTensor, recurrentState: [Tensor], in context: Context) -> (
        logits: Variable, recurrentState: [Tensor]
    )

    /// The shapes of what ``logits(_:recurrentState:in:)`` hands on for so many sequences; nil, unless given, where
    /// they are not known.
    func recurrentStateShapes(batch: Int) -> [Shape]?

    /// The model as it is run: its weights of now, packed once.
    ///
    /// - Parameter element: What the packed weights keep.
    /// - Throws: ``ModelError`` where a model of this kind has no such weights.
    func packed(as element: ElementType) throws(ModelError) -> Packed
}

extension LanguageModel {
    public func recurrentStateShapes(batch: Int) -> [Shape]? { nil }
}
