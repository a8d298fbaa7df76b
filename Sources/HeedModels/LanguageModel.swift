import HeedAutograd
import HeedNN
import HeedTensor

/// A model that scores every token as the next one, from those before it.
public protocol LanguageModel: Module {
    /// What decoding keeps from token to token: caches of keys and values, or a recurrent state.
    associatedtype DecodingState: Sendable

    /// How many tokens there are.
    var vocabularySize: Int { get }

    /// The most tokens that it sees at once; nil for any number.
    var contextLength: Int? { get }

    /// The scores of the token behind each.
    ///
    /// - Parameters:
    ///   - tokens: `[batch, length]`.
    ///   - carried: What the call before returned for the tokens before these; empty at a beginning.
    /// - Returns: `[batch, length, vocabularySize]`, and what the tokens behind these need of them.
    func scores(_ tokens: IndexTensor, carried: [Tensor], _ context: Context) -> (scores: Variable, carried: [Tensor])

    /// The state before the first token.
    func makeDecodingState() -> DecodingState

    /// The scores of the token behind the last of `tokens`, which are appended to what the state has seen: `[vocabularySize]`.
    func nextScores(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor
}
