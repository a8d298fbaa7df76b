internal import CKernels

// Element-wise arithmetic. Shapes broadcast as in NumPy: aligned at the last axis, sizes equal or 1. Every result is
// the correctly rounded one and contiguous; views are read where they lie. Shapes that do not broadcast are a
// programmer's error.

extension StridedTensor where Scalar == Float {
    // MARK: Operators

    /// `left + right`, element by element, with broadcasting.
    public static func + (left: Tensor, right: Tensor) -> Tensor { arithmetic(.add, "+", left, right) }
    /// `left - right`, element by element, with broadcasting.
    public static func - (left: Tensor, right: Tensor) -> Tensor { arithmetic(.subtract, "-", left, right) }
    /// `left * right`, element by element, with broadcasting.
    public static func * (left: Tensor, right: Tensor) -> Tensor { arithmetic(.multiply, "*", left, right) }
    /// `left / right`, element by element, with broadcasting.
    public static func / (left: Tensor, right: Tensor) -> Tensor { arithmetic(.divide, "/", left, right) }

    /// `left + right` for every element of `left`.
    public static func + (left: Tensor, right: Float) -> Tensor { arithmetic(.add, "+", left, Tensor(right)) }
    /// `left - right` for every element of `left`.
    public static func - (left: Tensor, right: Float) -> Tensor { arithmetic(.subtract, "-", left, Tensor(right)) }
    /// `left * right` for every element of `left`.
    public static func * (left: Tensor, right: Float) -> Tensor { arithmetic(.multiply, "*", left, Tensor(right)) }
    /// `left / right` for every element of `left`.
    public static func / (left: Tensor, right: Float) -> Tensor { arithmetic(.divide, "/", left, Tensor(right)) }
    /// `left + right` for every element of `right`.
    public static func + (left: Float, right: Tensor) -> Tensor { arithmetic(.add, "+", Tensor(left), right) }
    /// `left - right` for every element of `right`.
    public static func - (left: Float, right: Tensor) -> Tensor { arithmetic(.subtract, "-", Tensor(left), right) }
    /// `left * right` for every element of `right`.
    public static func * (left: Float, right: Tensor) -> Tensor { arithmetic(.multiply, "*", Tensor(left), right) }
    /// `left / right` for every element of `right`.
    public static func / (left: Float, right: Tensor) -> Tensor { arithmetic(.divide, "/", Tensor(left), right) }
    /// The opposite of every element.
    public static prefix func - (operand: Tensor) -> Tensor { arithmetic(.negate, "-", operand) }

    /// Adds `right`, which broadcasts to `left`; in place where nothing else refers to the memory of `left`.
    public static func += (left: inout Tensor, right: Tensor) { left.apply(.add, "+=", right) }
    /// Subtracts `right`, which broadcasts to `left`; in place where nothing else refers to the memory of `left`.
    public static func -= (left: inout Tensor, right: Tensor) { left.apply(.subtract, "-=", right) }
    /// Multiplies by `right`, which broadcasts to `left`; in place where nothing else refers to the memory of `left`.
    public static func *= (left: inout Tensor, right: Tensor) { left.apply(.multiply, "*=", right) }
    /// Divides by `right`, which broadcasts to `left`; in place where nothing else refers to the memory of `left`.
    public static func /= (left: inout Tensor, right: Tensor) { left.apply(.divide, "/=", right) }
    /// Adds a number to every element.
    public static func += (left: inout Tensor, right: Float) { left.apply(.add, "+=", Tensor(right)) }
    /// Subtracts a number from every element.
    public static func -= (left: inout Tensor, right: Float) { left.apply(.subtract, "-=", Tensor(right)) }
    /// Multiplies every element by a number.
    public static func *= (left: inout Tensor, right: Float) { left.apply(.multiply, "*=", Tensor(right)) }
    /// Divides every element by a number.
    public static func /= (left: inout Tensor, right: Float) { left.apply(.divide, "/=", Tensor(right)) }

    // MARK: In one pass

    /// `self <- scale * self + otherScale * other`, in one pass; in place where nothing else refers to the memory.
    public mutating func formSum(scale: Float = 1, _ other: Tensor, scale otherScale: Float) {
        apply(.scaledAdd, "formSum", other, alpha: scale, beta: otherScale)
    }

    /// `self * factor + addend`, in one pass.
    public func multiplied(by factor: Tensor, adding addend: Float) -> Tensor {
        arithmetic(.multiplyAdd, "multiplied", self, factor, alpha: addend)
    }

    // MARK: Functions

    /// Every element to the power of `exponent`, as C's `powf`: within 1 ulp. Squares, square roots and reciprocals
    /// have forms of their own, which are faster.
    public func power(_ exponent: Float) -> Tensor { arithmetic(.power, "power", self, Tensor(exponent)) }
    /// Every element to the power of the other's, with broadcasting.
    public func power(_ exponent: Tensor) -> Tensor { arithmetic(.power, "power", self, exponent) }
    /// `x^2`.
    public func squared() -> Tensor { arithmetic(.square, "squared", self) }
    /// The square root; NaN below 0.
    public func squareRoot() -> Tensor { arithmetic(.squareRoot, "squareRoot", self) }
    /// `1 / sqrt(x)`, both rounded.
    public func reciprocalSquareRoot() -> Tensor { arithmetic(.reciprocalSquareRoot, "reciprocalSquareRoot", self) }
    /// `1 / x`.
    public func reciprocal() -> Tensor { arithmetic(.reciprocal, "reciprocal", self) }
    /// The absolute value.
    public func magnitude() -> Tensor { arithmetic(.absolute, "magnitude", self) }
    /// -1, 0 or 1; NaN stays NaN.
    public func sign() -> Tensor { arithmetic(.sign, "sign", self) }
    /// The nearest number in the range; NaN stays NaN.
    public func clamped(to range: ClosedRange<Float>) -> Tensor {
        minimum(maximum(self, Tensor(range.lowerBound)), Tensor(range.upperBound))
    }

    // MARK: Comparison

    /// Where the elements are equal, with broadcasting; NaN equals nothing.
    public static func .== (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.equal, ".==", left, right) }
    /// Where they are not equal.
    public static func .!= (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.notEqual, ".!=", left, right) }
    /// Where the left is less; false for NaN, as all of these.
    public static func .< (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.less, ".<", left, right) }
    /// Where the left is less or equal.
    public static func .<= (left: Tensor, right: Tensor) -> BooleanTensor {
        comparison(.lessOrEqual, ".<=", left, right)
    }
    /// Where the left is greater.
    public static func .> (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.greater, ".>", left, right) }
    /// Where the left is greater or equal.
    public static func .>= (left: Tensor, right: Tensor) -> BooleanTensor {
        comparison(.greaterOrEqual, ".>=", left, right)
    }
    /// Where the elements equal a number.
    public static func .== (left: Tensor, right: Float) -> BooleanTensor { left .== Tensor(right) }
    /// Where the elements differ from a number.
    public static func .!= (left: Tensor, right: Float) -> BooleanTensor { left .!= Tensor(right) }
    /// Where the elements are less than a number.
    public static func .< (left: Tensor, right: Float) -> BooleanTensor { left .< Tensor(right) }
    /// Where the elements are at most a number.
    public static func .<= (left: Tensor, right: Float) -> BooleanTensor { left .<= Tensor(right) }
    /// Where the elements are greater than a number.
    public static func .> (left: Tensor, right: Float) -> BooleanTensor { left .> Tensor(right) }
    /// Where the elements are at least a number.
    public static func .>= (left: Tensor, right: Float) -> BooleanTensor { left .>= Tensor(right) }

    /// The elements of `other` where the mask is true, else this tensor's own; all broadcast to each other. What is not
    /// taken has no effect, NaN too.
    public func replacing(with other: Tensor, where mask: BooleanTensor) -> Tensor {
        selection("replacing", where: mask, other, else: self)
    }
    /// A number where the mask is true, else this tensor's own elements.
    public func replacing(with value: Float, where mask: BooleanTensor) -> Tensor {
        replacing(with: Tensor(value), where: mask)
    }
}

extension StridedTensor where Scalar == Bool {
    /// 1 for true, 0 for false.
    public func float32() -> Tensor { selection("float32", where: self, Tensor(1), else: Tensor(0)) }
    /// The opposite of every element.
    public static prefix func .! (operand: BooleanTensor) -> BooleanTensor { operand.float32() .== 0 }
}

extension StridedTensor where Scalar == Int32 {
    /// The same numbers as `Float`, rounded to the nearest beyond 2^24.
    public func float32() -> Tensor {
        withUnsafeElements { source in
            Tensor(shape: shape) { target in
                for index in source.indices { target.initializeElement(at: index, to: Float(source[index])) }
            }
        }
    }
}

/// The larger of two elements, with broadcasting; NaN where either is NaN.
public func maximum(_ left: Tensor, _ right: Tensor) -> Tensor { arithmetic(.maximum, "maximum", left, right) }
/// The smaller of two elements, with broadcasting; NaN where either is NaN.
public func minimum(_ left: Tensor, _ right: Tensor) -> Tensor { arithmetic(.minimum, "minimum", left, right) }
