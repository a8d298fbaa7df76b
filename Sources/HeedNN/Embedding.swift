import HeedAutograd
import HeedTensor

/// A table of vectors, one per token:   `y[..., j] = weight[ids[...], j]`.
///
/// Ids of any shape, from 0 to `vocabularySize - 1`; output `[..., embeddingSize]`.
///
/// Parameters, as in PyTorch's `nn.Embedding`: `weight` `[vocabularySize, embeddingSize]`, normal with standard
/// deviation 1; the row of the padding token begins as zeros and has no gradient.
public struct Embedding: Module {
    /// The weight, `[vocabularySize, embeddingSize]`.
    public var weight: Parameter
    /// The token that fills up short sequences. Its row is not trained.
    public let paddingIndex: Int?

    /// Makes a table of random vectors.
    public init(
        vocabularySize: Int, embeddingSize: Int, paddingIndex: Int? = nil, using generator: inout RandomGenerator
    ) {
        require(
            paddingIndex.map { $0 >= 0 && $0 < vocabularySize } ?? true,
            "Embedding: the padding index \(paddingIndex ?? 0) is not from 0 to \(vocabularySize - 1)")
        var table = Initialization.normal(standardDeviation: 1)([vocabularySize, embeddingSize], using: &generator)
        if let paddingIndex {
            table.withUnsafeMutableElements { elements in
                for column in 0..<embeddingSize { elements[paddingIndex * embeddingSize + column] = 0 }
            }
        }
        weight = Parameter(table)
        self.paddingIndex = paddingIndex
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(vocabularySize: Int, embeddingSize: Int, paddingIndex: Int? = nil) {
        var generator = RandomGenerator()
        self.init(
            vocabularySize: vocabularySize, embeddingSize: embeddingSize, paddingIndex: paddingIndex, using: &generator)
    }

    /// Makes a layer with this table.
    public init(weight: Tensor, paddingIndex: Int? = nil) {
        require(weight.rank == 2, "Embedding: a weight of shape \(weight.shape) is not [vocabularySize, embeddingSize]")
        self.weight = Parameter(weight)
        self.paddingIndex = paddingIndex
    }

    /// The number of tokens.
    public var vocabularySize: Int { weight.shape[0] }
    /// The size of a vector.
    public var embeddingSize: Int { weight.shape[1] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
    }

    /// Returns the vectors of tokens.
    public func callAsFunction(_ ids: IndexTensor, in context: Context) -> Variable {
        embedding(ids, table: context.variable(weight), padding: paddingIndex)
    }

    /// Returns the vectors of tokens, in inference.
    public func callAsFunction(_ ids: IndexTensor) -> Tensor { self(ids, in: Context()).value }

    /// Returns, in inference, the vectors of tokens whose ids come from outside.
    ///
    /// A model's ids are checked once, before its first layer: `try ids.check(within: 0..<embedding.vocabularySize)`.
    ///
    /// - Throws: ``TensorError`` if an id is not from 0 to `vocabularySize - 1`.
    public func callAsFunction(validating ids: IndexTensor) throws(TensorError) -> Tensor {
        try ids.check(within: 0..<vocabularySize)
        return self(ids)
    }

    /// Returns the logits of every token for vectors `[..., embeddingSize]`. It uses the table as a tied output layer
    /// (Press and Wolf, "Using the output embedding to improve language models", 2017).
    public func logits(_ input: Variable, in context: Context) -> Variable {
        linear(input, weight: context.variable(weight))
    }

    /// Computes the mean cross-entropy of these logits with targets `[...]`. The logits are not stored in addition to
    /// their gradient.
    public func crossEntropy(
        _ input: Variable, targets: IndexTensor, ignoring ignored: Int? = nil, labelSmoothing: Float = 0,
        in context: Context
    ) -> Variable {
        linearCrossEntropy(
            input, weight: context.variable(weight), targets: targets, ignoring: ignored,
            labelSmoothing: labelSmoothing)
    }
}
