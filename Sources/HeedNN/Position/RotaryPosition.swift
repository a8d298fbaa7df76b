import HeedAutograd
import HeedTensor

/// Rotary positions (Su et al., "RoFormer: enhanced Transformer with rotary position embedding", 2021), applied to
/// queries and keys: the columns turn in pairs, pair `i` at position `p` by the angle `p base^(-2i / columns)`.
///
/// Input and output `[batch, heads, length, headDimension]`. It has no parameters.
public struct RotaryPosition: Layer {
    /// The base of the angles, 10000 in the paper.
    public var base: Double
    /// The number of columns that turn, from the first one on; by default all.
    public var columns: Int?
    /// Which columns form a pair.
    public var pairs: RotaryPairs

    /// Makes rotary positions.
    public init(base: Double = 10_000, columns: Int? = nil, pairs: RotaryPairs = .halves) {
        (self.base, self.columns, self.pairs) = (base, columns, pairs)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {}

    public func callAsFunction(_ input: Variable, in context: Context) -> Variable {
        self(input, firstPosition: 0, in: context)
    }

    /// Returns the output for tokens that begin at a position, in decoding.
    public func callAsFunction(_ input: Variable, firstPosition: Int, in context: Context) -> Variable {
        rotatingPositions(input, firstPosition: firstPosition, base: base, rotaryColumns: columns, pairs: pairs)
    }
}
