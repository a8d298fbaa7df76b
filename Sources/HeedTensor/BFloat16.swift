/// A bfloat16 number: the upper half of a `Float`. Eight bits of exponent, so every float is within its range, and
/// seven of fraction.
///
/// This is a storage type: weights, keys and values take half the memory in it. Arithmetic is done in `Float`.
public struct BFloat16: TensorScalar, CustomStringConvertible, ExpressibleByFloatLiteral {
    /// The sign, exponent and fraction, as in the upper half of a `Float`.
    public let bitPattern: UInt16

    /// Makes the number with these bits.
    public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

    /// Rounds to the nearest bfloat16, ties to even. A number beyond the largest bfloat16 becomes infinite. A NaN stays
    /// a quiet NaN of the same sign.
    public init(_ value: Float) {
        let bits = value.bitPattern
        if value.isNaN {
            // The payload may be only in the lower half, and without it the bits would be those of an infinity.
            bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x0040
        } else {
            // Half a unit of the last place, less one bit if the even neighbour is the lower one. This cannot overflow:
            // only NaNs have bits that could.
            bitPattern = UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
        }
    }

    /// The nearest bfloat16.
    public init(floatLiteral value: Float) { self.init(value) }

    public static var zeroValue: BFloat16 { BFloat16(bitPattern: 0) }
    public static var tensorScalarMark: TensorScalarMark { TensorScalarMark() }

    /// Compares numbers: NaN equals nothing, and the two zeros are equal.
    public static func == (left: BFloat16, right: BFloat16) -> Bool { Float(left) == Float(right) }

    /// The exact value, printed as a `Float`.
    public var description: String { Float(self).description }
}

extension Float {
    /// Converts the number exactly.
    public init(_ value: BFloat16) { self.init(bitPattern: UInt32(value.bitPattern) << 16) }
}

/// A tensor of bfloat16 numbers, for storage: weights, keys and values. It is a ``Tensor`` of ``BFloat16``.
public typealias BFloat16Tensor = StridedTensor<BFloat16>
