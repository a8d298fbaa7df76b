import HeedAutograd
import HeedTensor

/// Multi-head attention (Vaswani et al., "Attention is all you need", 2017), optionally with grouped key and value
/// heads (Ainslie et al., "GQA", 2023).
///
///     Q = X Wq^T + bq,  K = M Wk^T + bk,  V = M Wv^T + bv
///     cut into H heads of Q, G heads of K and V, of D columns each
///     O_h = softmax(Q_h K_g^T / sqrt(D) + mask) V_g              g = h / (H / G)
///     output = [O_1 ... O_H] Wo^T + bo
///
/// Inputs `[B, N, embeddingSize]` and, for cross-attention, a memory `[B, Nk, embeddingSize]`; output
/// `[B, N, embeddingSize]`. `D = embeddingSize / H`. Queries, keys and values of self-attention come from one product,
/// and so do keys and values of a memory. A query that may attend nothing gives the bias of the output projection.
///
/// Parameters, as in PyTorch's `nn.MultiheadAttention`: `in_proj_weight` `[(H + 2 G) D, embeddingSize]`, rows of Q, K
/// and V one after the other, Xavier uniform; `in_proj_bias`, zeros; `out_proj.weight` `[embeddingSize, H D]`, Kaiming
/// uniform with a slope of `sqrt(5)`; `out_proj.bias`, zeros.
public struct MultiHeadAttention: Module {
    /// The input weight, `[(H + 2 G) D, embeddingSize]`.
    public var inputWeight: Parameter
    /// The input bias, `[(H + 2 G) D]`.
    public var inputBias: Parameter?
    /// The output, `[embeddingSize, H D]`.
    public var output: Linear
    /// The number of heads of the queries, `H`.
    public let heads: Int
    /// The number of heads of keys and values, `G`.
    public let keyValueHeads: Int
    /// The number of columns of a head, `D`.
    public let headDimension: Int
    /// The share of attention weights that are dropped in training.
    public var dropout: Float

    /// Makes a layer with random weights.
    ///
    /// - Parameters:
    ///   - embeddingSize: The size of inputs and outputs; `heads` divides it.
    ///   - heads: The number of heads of the queries.
    ///   - keyValueHeads: The number of heads of keys and values, which divides `heads`; by default `heads`.
    ///   - bias: Whether the projections have biases.
    ///   - dropout: The share of attention weights that are dropped in training.
    public init(
        embeddingSize: Int, heads: Int, keyValueHeads: Int? = nil, bias hasBias: Bool = true, dropout: Float = 0,
        using generator: inout RandomGenerator
    ) {
        let keyValueHeads = keyValueHeads ?? heads
        require(
            heads > 0 && keyValueHeads > 0 && embeddingSize % heads == 0 && heads % keyValueHeads == 0,
            "MultiHeadAttention: embedding size \(embeddingSize), \(heads) heads and \(keyValueHeads) key and value heads do not divide evenly"
        )
        (self.heads, self.keyValueHeads, self.dropout) = (heads, keyValueHeads, dropout)
        headDimension = embeddingSize / heads
        let rows = (heads + 2 * keyValueHeads) * headDimension
        inputWeight = Parameter(Initialization.xavierUniform([rows, embeddingSize], using: &generator))
        inputBias = hasBias ? Parameter(.zeros([rows])) : nil
        output = Linear(inputSize: embeddingSize, outputSize: embeddingSize, bias: hasBias, using: &generator)
        output.bias?.value = .zeros([embeddingSize])
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(
        embeddingSize: Int, heads: Int, keyValueHeads: Int? = nil, bias hasBias: Bool = true, dropout: Float = 0
    ) {
        var generator = RandomGenerator()
        self.init(
            embeddingSize: embeddingSize, heads: heads, keyValueHeads: keyValueHeads, bias: hasBias, dropout: dropout,
            using: &generator)
    }

    /// Makes a layer with these weights.
    ///
    /// - Precondition: `inputWeight` is `[(H + 2 G) D, embeddingSize]`, `output.weight` `[embeddingSize, H D]`.
    public init(
        inputWeight: Tensor, inputBias: Tensor? = nil, output: Linear, heads: Int, keyValueHeads: Int? = nil,
        dropout: Float = 0
    ) {
        let keyValueHeads = keyValueHeads ?? heads
        let parts = heads + 2 * keyValueHeads
        require(
            heads > 0 && keyValueHeads > 0 && heads % keyValueHeads == 0 && inputWeight.rank == 2
                && inputWeight.shape[0] % parts == 0 && output.inputSize == inputWeight.shape[0] / parts * heads
                && (inputBias.map { $0.shape == [inputWeight.shape[0]] } ?? true),
            "MultiHeadAttention: weights \(inputWeight.shape) and \(output.weight.shape) and bias "
                + "\(inputBias.map { "\($0.shape)" } ?? "none") do not fit \(heads) heads and \(keyValueHeads) key and value heads"
        )
        (self.heads, self.keyValueHeads, self.dropout) = (heads, keyValueHeads, dropout)
        headDimension = inputWeight.shape[0] / parts
        self.inputWeight = Parameter(inputWeight)
        self.inputBias = inputBias.map { Parameter($0) }
        self.output = output
    }

    /// Draws new weights and sets the biases to 0.
    mutating func initialize(
        weights: Initialization, outputWeights: Initialization, using generator: inout RandomGenerator
    ) {
        inputWeight.value = weights(inputWeight.shape, using: &generator)
        inputBias?.value = .zeros([inputWeight.shape[0]])
        output.initialize(weights: outputWeights, using: &generator)
    }

    /// The size of the inputs.
    public var embeddingSize: Int { inputWeight.shape[1] }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("in_proj_weight", &inputWeight)
        visit("in_proj_bias", &inputBias)
        visit("out_proj", &output)
    }

    // MARK: Attention

    /// Computes self-attention: `[B, N, embeddingSize]` attends itself.
    ///
    /// - Parameters:
    ///   - mask: Which tokens a token attends; by default all.
    ///   - bias: A tensor added to the scaled scores `[B, H, N, N]`, to which it broadcasts. It receives a gradient.
    public func callAsFunction(
        _ input: Variable, mask: AttentionMask = .none, bias: Variable? = nil, in context: Context
    ) -> Variable {
        guard bias == nil else { return attended(projected(input, in: context), mask, bias, in: context) }
        return output(
            selfAttention(
                packed: packed(input, in: context), heads: heads, keyValueHeads: keyValueHeads, mask: mask,
                dropout: drop(in: context)), in: context)
    }

    /// Computes cross-attention: `[B, N, embeddingSize]` attends a memory `[B, Nk, embeddingSize]`.
    public func callAsFunction(
        _ input: Variable, memory: Variable, mask: AttentionMask = .none, bias: Variable? = nil, in context: Context
    ) -> Variable {
        attended(projected(input, memory: memory, in: context), mask, bias, in: context)
    }

    /// Computes attention of queries `[B, N, embeddingSize]` over keys and values `[B, Nk, embeddingSize]` that come
    /// from different places.
    public func callAsFunction(
        _ queries: Variable, keys: Variable, values: Variable, mask: AttentionMask = .none, bias: Variable? = nil,
        in context: Context
    ) -> Variable {
        attended(projected(queries, keys: keys, values: values, in: context), mask, bias, in: context)
    }

    /// Computes self-attention in inference.
    public func callAsFunction(_ input: Tensor, mask: AttentionMask = .none) -> Tensor {
        self(Variable(input), mask: mask, in: Context()).value
    }

    /// Computes cross-attention in inference.
    public func callAsFunction(_ input: Tensor, memory: Tensor, mask: AttentionMask = .none) -> Tensor {
        self(Variable(input), memory: Variable(memory), mask: mask, in: Context()).value
    }

    /// Returns the output with every head's weights `[B, H, N, Nk]`. Gradients flow through the weights too. It holds
    /// the weights in memory. In training they are the weights before dropout.
    public func withWeights(
        _ queries: Variable, keys: Variable, values: Variable, mask: AttentionMask = .none, bias: Variable? = nil,
        in context: Context
    ) -> (output: Variable, weights: Variable) {
        let operands = projected(queries, keys: keys, values: values, in: context)
        return (
            attended(operands, mask, bias, in: context),
            attentionWeights(queries: operands.queries, keys: operands.keys, mask: mask, bias: bias)
        )
    }

    private func attended(
        _ operands: Operands, _ mask: AttentionMask, _ bias: Variable?, in context: Context
    ) -> Variable {
        joined(
            attention(
                queries: operands.queries, keys: operands.keys, values: operands.values, mask: mask, bias: bias,
                dropout: drop(in: context)), in: context)
    }

    private func drop(in context: Context) -> AttentionDropout? {
        context.isTraining && dropout > 0 ? AttentionDropout(probability: dropout, seed: context.drawSeed()) : nil
    }

    // MARK: Decoding

    /// Makes an empty cache of keys and values for this layer.
    public func makeCache(batch: Int = 1, element: ElementType = .float32) -> KeyValueCache {
        KeyValueCache(batch: batch, keyValueHeads: keyValueHeads, headDimension: headDimension, element: element)
    }

    /// Computes causal self-attention of the next tokens, `[B, n, embeddingSize]`, over those in the cache and
    /// themselves, and appends them to the cache. Token by token gives the same bits as all at once.
    public func callAsFunction(_ input: Tensor, cache: inout KeyValueCache, mask: AttentionMask = .causal()) -> Tensor {
        let operands = projected(Variable(input), in: Context())
        cache.append(keys: operands.keys.value, values: operands.values.value)
        return joined(
            Variable(attention(queries: operands.queries.value, cache: cache, mask: mask)), in: Context()
        ).value
    }

    /// Makes a cache of the keys and values of a memory `[B, Nk, embeddingSize]`, once for all steps of a decoder.
    public func makeCache(memory: Tensor, element: ElementType = .float32) -> KeyValueCache {
        var cache = makeCache(batch: memory.shape[0], element: element)
        let (keys, values) = projected(memory: Variable(memory), in: Context())
        cache.append(keys: keys.value, values: values.value)
        return cache
    }

    /// Computes cross-attention over a memory from ``makeCache(memory:element:)``.
    public func callAsFunction(_ input: Tensor, memory: KeyValueCache, mask: AttentionMask = .none) -> Tensor {
        let queries = projected(queries: Variable(input), in: Context()).value
        return joined(Variable(attention(queries: queries, cache: memory, mask: mask)), in: Context()).value
    }

    // MARK: Projections

    private typealias Operands = (queries: Variable, keys: Variable, values: Variable)

    private var queryColumns: Int { heads * headDimension }
    private var keyColumns: Int { keyValueHeads * headDimension }

    private func projected(_ input: Variable, in context: Context) -> Operands {
        let parts = packed(input, in: context).split(sizes: [queryColumns, keyColumns, keyColumns], axis: -1)
        return (split(parts[0], heads), split(parts[1], keyValueHeads), split(parts[2], keyValueHeads))
    }

    /// Queries, keys and values side by side, `[B, N, (H + 2 G) D]`.
    private func packed(_ input: Variable, in context: Context) -> Variable {
        checked(input)
        return linear(input, weight: context.variable(inputWeight), bias: context.variable(inputBias))
    }

    private func projected(_ input: Variable, memory: Variable, in context: Context) -> Operands {
        let (keys, values) = projected(memory: memory, in: context)
        return (projected(queries: input, in: context), keys, values)
    }

    private func projected(_ queries: Variable, keys: Variable, values: Variable, in context: Context) -> Operands {
        let first = queryColumns + keyColumns
        return (
            projected(queries: queries, in: context),
            split(projected(keys, rows: queryColumns..<first, in: context), keyValueHeads),
            split(projected(values, rows: first..<first + keyColumns, in: context), keyValueHeads)
        )
    }

    private func projected(memory: Variable, in context: Context) -> (keys: Variable, values: Variable) {
        let parts = projected(memory, rows: queryColumns..<queryColumns + 2 * keyColumns, in: context)
            .split(parts: 2, axis: -1)
        return (split(parts[0], keyValueHeads), split(parts[1], keyValueHeads))
    }

    private func projected(queries: Variable, in context: Context) -> Variable {
        split(projected(queries, rows: 0..<queryColumns, in: context), heads)
    }

    private func projected(_ input: Variable, rows: Range<Int>, in context: Context) -> Variable {
        checked(input)
        return linear(
            input, weight: context.variable(inputWeight).slice(axis: 0, range: rows),
            bias: context.variable(inputBias)?.slice(axis: 0, range: rows))
    }

    private func checked(_ input: Variable) {
        require(
            input.rank == 3 && input.shape[2] == embeddingSize,
            "MultiHeadAttention: an input of shape \(input.shape) is not [batch, length, \(embeddingSize)]")
    }

    /// `[B, N, heads D]` seen as `[B, heads, N, D]`.
    private func split(_ columns: Variable, _ heads: Int) -> Variable {
        columns.reshaped([columns.shape[0], columns.shape[1], heads, headDimension]).transposed(1, 2)
    }

    /// `[B, H, N, D]` to `[B, N, embeddingSize]`.
    private func joined(_ heads: Variable, in context: Context) -> Variable {
        let shape = heads.shape
        return output(heads.transposed(1, 2).reshaped([shape[0], shape[2], shape[1] * shape[3]]), in: context)
    }
}
