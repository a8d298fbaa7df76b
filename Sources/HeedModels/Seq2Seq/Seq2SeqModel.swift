import HeedAutograd
import HeedNN
import HeedTensor
import HeedTrain

/// The special tokens of a ``Seq2SeqModel``, which stand for no word.
public struct Seq2SeqTokens: Sendable, Equatable {
    /// The padding, which fills up short sequences. It has no effect and no loss.
    public var padding: Int32
    /// BOS: the decoder's input before the first word.
    public var beginningOfSequence: Int32
    /// EOS: the decoder's output after the last word.
    public var endOfSequence: Int32

    /// Makes special tokens; by default 0, 1 and 2.
    public init(padding: Int32 = 0, beginningOfSequence: Int32 = 1, endOfSequence: Int32 = 2) {
        self.padding = padding
        (self.beginningOfSequence, self.endOfSequence) = (beginningOfSequence, endOfSequence)
    }

    /// Checks that the tokens are three different ones of a vocabulary.
    func check(vocabulary: Int) throws(ModelError) {
        let all = [padding, beginningOfSequence, endOfSequence]
        guard Set(all).count == 3, all.allSatisfy({ $0 >= 0 && Int($0) < vocabulary }) else {
            throw ModelError(
                "padding, beginning and end of sequence are the tokens \(padding), \(beginningOfSequence) and "
                    + "\(endOfSequence), not three of \(vocabulary)"
            )
        }
    }
}

/// A model that turns a sequence of tokens into another: an encoder reads the source, a decoder writes the target token
/// by token (Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks", 2014).
public protocol Seq2SeqModel: Module {
    /// The state of decoding between tokens: the encoded sources, and caches or a recurrent state.
    associatedtype DecodingState: Sendable

    /// The number of tokens of the source's vocabulary.
    var sourceVocabularySize: Int { get }

    /// The number of tokens of the target's vocabulary.
    var targetVocabularySize: Int { get }

    /// The tokens for padding, BOS and EOS.
    var specialTokens: Seq2SeqTokens { get }

    /// Returns the logits of the token after each token of the target, all at once (teacher forcing).
    ///
    /// - Parameters:
    ///   - source: `[batch, source length]`. Tokens after a sequence's length have no effect.
    ///   - target: `[batch, target length]`, each row beginning with ``Seq2SeqTokens/beginningOfSequence``.
    /// - Returns: `[batch, target length, targetVocabularySize]`.
    func callAsFunction(_ source: PaddedBatch, target: IndexTensor, in context: Context) -> Variable

    /// Computes the cross-entropy of the logits with the following tokens, a mean over those that are not
    /// ``Seq2SeqTokens/padding``.
    ///
    /// - Parameters:
    ///   - target: The target, as in ``callAsFunction(_:target:in:)``.
    ///   - following: `[batch, target length]`: the token after each token of the target.
    ///   - labelSmoothing: The part of each target that is spread over all tokens (Szegedy et al. 2016).
    func loss(
        _ source: PaddedBatch, target: IndexTensor, following: IndexTensor, labelSmoothing: Float, in context: Context
    ) -> Variable

    /// Makes the state before the first token of each source's target.
    func makeDecodingState(_ source: PaddedBatch) -> DecodingState

    /// Appends the next tokens to the state, and returns the logits of the token after them,
    /// `[batch, targetVocabularySize]`. The logits have the same bits as if all tokens were given at once.
    ///
    /// - Parameter tokens: One token per source.
    func nextLogits(_ tokens: [Int32], _ state: inout DecodingState) -> Tensor
}

/// A ``Seq2SeqModel`` whose decoder attends to the source, so that one can see which tokens of the source each token of
/// the target is made of.
public protocol AttentiveSeq2SeqModel: Seq2SeqModel {
    /// Returns how strongly the decoder attends each token of the source as it makes the token after each of the
    /// target: the alignments of Bahdanau et al. (2015).
    ///
    /// - Parameters:
    ///   - source: `[batch, source length]`.
    ///   - target: `[batch, target length]`, each row beginning with ``Seq2SeqTokens/beginningOfSequence``.
    /// - Returns: `[batch, target length, source length]`. Each row sums to 1 over the source's own tokens, and is 0
    ///   after them.
    func alignments(_ source: PaddedBatch, target: IndexTensor) -> Tensor
}
