import HeedAutograd
import HeedTensor

/// A graph convolution (Kipf and Welling, "Semi-supervised classification with graph convolutional networks", 2017):
///
///     Y = A' X W^T + b,   A' = D^-1/2 (A + I) D^-1/2
///
/// Input `[nodes, inputSize]`, output `[nodes, outputSize]`; `A'` is ``SparseMatrix/normalizedAdjacency(_:)``, made
/// once per graph.
///
/// Parameters: `weight` `[outputSize, inputSize]`, Xavier uniform as in the paper, and `bias` `[outputSize]`, zeros.
public struct GraphConvolution: Module {
    /// The weight, `[outputSize, inputSize]`.
    public var weight: Parameter
    /// The bias, `[outputSize]`.
    public var bias: Parameter?

    /// Makes a layer with random weights.
    public init(inputSize: Int, outputSize: Int, bias hasBias: Bool = true, using generator: inout RandomGenerator) {
        weight = Parameter(Initialization.xavierUniform([outputSize, inputSize], using: &generator))
        bias = hasBias ? Parameter(.zeros([outputSize])) : nil
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    public init(inputSize: Int, outputSize: Int, bias hasBias: Bool = true) {
        var generator = RandomGenerator()
        self.init(inputSize: inputSize, outputSize: outputSize, bias: hasBias, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    /// Returns the nodes' new features.
    ///
    /// - Parameters:
    ///   - input: `[nodes, inputSize]`.
    ///   - adjacency: The normalised adjacency `[nodes, nodes]`.
    ///   - transpose: The transpose of the adjacency, for the backward pass; nil to compute it.
    public func callAsFunction(
        _ input: Variable, adjacency: SparseMatrix, transpose: SparseMatrix? = nil, in context: Context
    ) -> Variable {
        // If the product comes first, fewer columns are summed over the neighbours.
        let isNarrowing = weight.shape[0] < weight.shape[1]
        let weight = context.variable(weight)
        let sums =
            isNarrowing
            ? adjacency.multiplied(by: linear(input, weight: weight), transpose: transpose)
            : linear(adjacency.multiplied(by: input, transpose: transpose), weight: weight)
        return context.variable(bias).map { sums + $0 } ?? sums
    }
}
