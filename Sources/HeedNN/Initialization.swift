import HeedTensor

/// The initial numbers of a parameter: the distributions of PyTorch's layers, drawn by counting from an explicit
/// generator.
public enum Initialization: Sendable, Equatable {
    /// The same number everywhere.
    case constant(Float)
    /// Uniform in `[-bound, bound)`.
    case uniform(bound: Float)
    /// Normal with mean 0.
    case normal(standardDeviation: Float)
    /// Uniform with the bound `sqrt(6 / (fanIn + fanOut))` (Glorot and Bengio, "Understanding the difficulty of
    /// training deep feedforward neural networks", 2010).
    case xavierUniform
    /// Uniform with the bound `sqrt(6 / ((1 + slope^2) fanIn))` (He et al., "Delving deep into rectifiers", 2015). With
    /// PyTorch's slope of `sqrt(5)` for its linear and convolutional layers the bound is `1 / sqrt(fanIn)`.
    case kaimingUniform(slope: Float)

    /// Returns a tensor of this distribution.
    ///
    /// - Parameters:
    ///   - shape: `[out, in, ...]`: `fanIn` is the size of one output's slice, `fanOut` that of one input's.
    ///   - generator: The generator of the numbers.
    public func callAsFunction(_ shape: Shape, using generator: inout RandomGenerator) -> Tensor {
        switch self {
        case .constant(let value):
            return .filled(shape, with: value)
        case .uniform(let bound):
            return .uniform(shape, in: -bound..<bound, using: &generator)
        case .normal(let standardDeviation):
            return .normal(shape, standardDeviation: standardDeviation, using: &generator)
        case .xavierUniform:
            let (fanIn, fanOut) = Self.fans(shape)
            return Self.symmetric(shape, (6 / Double(max(fanIn + fanOut, 1))).squareRoot(), using: &generator)
        case .kaimingUniform(let slope):
            let gain = 6 / (1 + Double(slope) * Double(slope))
            let (fanIn, _) = Self.fans(shape)
            return Self.symmetric(shape, (gain / Double(max(fanIn, 1))).squareRoot(), using: &generator)
        }
    }

    private static func symmetric(_ shape: Shape, _ bound: Double, using generator: inout RandomGenerator) -> Tensor {
        .uniform(shape, in: -Float(bound)..<Float(bound), using: &generator)
    }

    private static func fans(_ shape: Shape) -> (fanIn: Int, fanOut: Int) {
        require(shape.rank >= 2, "Initialization: a tensor of shape \(shape) has no inputs and outputs")
        let receptiveField = shape.dimensions.dropFirst(2).reduce(1, *)
        return (shape[1] * receptiveField, shape[0] * receptiveField)
    }
}

extension Initialization {
    /// PyTorch's distribution for the weight and bias of a linear or convolutional layer: uniform in
    /// `[-1 / sqrt(fanIn), 1 / sqrt(fanIn))`.
    static func inverseRoot(ofFanIn fanIn: Int) -> Initialization {
        .uniform(bound: Float(1 / Double(max(fanIn, 1)).squareRoot()))
    }
}
