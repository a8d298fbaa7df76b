internal import CKernels

// Element-wise arithmetic. Shapes broadcast as in NumPy: aligned at the last axis, sizes equal or 1. Every result is
// rounded correctly and contiguous. Views are read in place. Shapes that do not broadcast are a programmer's error.

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

    /// Adds `right`, which broadcasts to `left`; in place if nothing else refers to the memory of `left`.
    public static func += (left: inout Tensor, right: Tensor) { left.apply(.add, "+=", right) }
    /// Subtracts `right`, which broadcasts to `left`; in place if nothing else refers to the memory of `left`.
    public static func -= (left: inout Tensor, right: Tensor) { left.apply(.subtract, "-=", right) }
    /// Multiplies by `right`, which broadcasts to `left`; in place if nothing else refers to the memory of `left`.
    public static func *= (left: inout Tensor, right: Tensor) { left.apply(.multiply, "*=", right) }
    /// Divides by `right`, which broadcasts to `left`; in place if nothing else refers to the memory of `left`.
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

    /// `self <- scale * self + otherScale * other`, in one pass; in place if nothing else refers to the memory.
    public mutating func formSum(scale: Float = 1, _ other: Tensor, scale otherScale: Float) {
        apply(.scaledAdd, "formSum", other, alpha: scale, beta: otherScale)
    }

    /// `self * factor + addend`, in one pass.
    public func multiplied(by factor: Tensor, adding addend: Float) -> Tensor {
        arithmetic(.multiplyAdd, "multiplied", self, factor, alpha: addend)
    }

    // MARK: Functions

    /// Raises every element to the power of `exponent`, as C's `powf`, within 1 ulp. Squares, square roots and
    /// reciprocals have their own functions, which are faster.
    public func power(_ exponent: Float) -> Tensor { arithmetic(.power, "power", self, Tensor(exponent)) }
    /// Raises every element to the power of the other tensor's element, with broadcasting.
    public func power(_ exponent: Tensor) -> Tensor { arithmetic(.power, "power", self, exponent) }
    /// Returns `x^2` for every element.
    public func squared() -> Tensor { arithmetic(.square, "squared", self) }
    /// Returns the square root of every element; NaN below 0.
    public func squareRoot() -> Tensor { arithmetic(.squareRoot, "squareRoot", self) }
    /// Returns `1 / sqrt(x)` for every element. Both steps are rounded.
    public func reciprocalSquareRoot() -> Tensor { arithmetic(.reciprocalSquareRoot, "reciprocalSquareRoot", self) }
    /// Returns `1 / x` for every element.
    public func reciprocal() -> Tensor { arithmetic(.reciprocal, "reciprocal", self) }
    /// Returns the absolute value of every element.
    public func magnitude() -> Tensor { arithmetic(.absolute, "magnitude", self) }
    /// Returns the sign of every element: -1, 0 or 1. NaN stays NaN.
    public func sign() -> Tensor { arithmetic(.sign, "sign", self) }
    /// Returns, for every element, the nearest number in the range. NaN stays NaN.
    public func clamped(to range: ClosedRange<Float>) -> Tensor {
        minimum(maximum(self, Tensor(range.lowerBound)), Tensor(range.upperBound))
    }

    // MARK: Comparison

    /// Returns where the elements are equal, with broadcasting. NaN equals nothing.
    public static func .== (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.equal, ".==", left, right) }
    /// Returns where the elements are not equal, with broadcasting.
    public static func .!= (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.notEqual, ".!=", left, right) }
    /// Returns where the left element is less, with broadcasting; false for NaN.
    public static func .< (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.less, ".<", left, right) }
    /// Returns where the left element is less or equal, with broadcasting; false for NaN.
    public static func .<= (left: Tensor, right: Tensor) -> BooleanTensor {
        comparison(.lessOrEqual, ".<=", left, right)
    }
    /// Returns where the left element is greater, with broadcasting; false for NaN.
    public static func .> (left: Tensor, right: Tensor) -> BooleanTensor { comparison(.greater, ".>", left, right) }
    /// Returns where the left element is greater or equal, with broadcasting; false for NaN.
    public static func .>= (left: Tensor, right: Tensor) -> BooleanTensor {
        comparison(.greaterOrEqual, ".>=", left, right)
    }
    /// Returns where the elements equal a number.
    public static func .== (left: Tensor, right: Float) -> BooleanTensor { left .== Tensor(right) }
    /// Returns where the elements differ from a number.
    public static func .!= (left: Tensor, right: Float) -> BooleanTensor { left .!= Tensor(right) }
    /// Returns where the elements are less than a number.
    public static func .< (left: Tensor, right: Float) -> BooleanTensor { left .< Tensor(right) }
    /// Returns where the elements are at most a number.
    public static func .<= (left: Tensor, right: Float) -> BooleanTensor { left .<= Tensor(right) }
    /// Returns where the elements are greater than a number.
    public static func .> (left: Tensor, right: Float) -> BooleanTensor { left .> Tensor(right) }
    /// Returns where the elements are at least a number.
    public static func .>= (left: Tensor, right: Float) -> BooleanTensor { left .>= Tensor(right) }

    /// Returns the elements of `other` where the mask is true, else this tensor's own. All three broadcast to each
    /// other. An element that is not taken has no effect, even if it is NaN.
    public func replacing(with other: Tensor, where mask: BooleanTensor) -> Tensor {
        selection("replacing", where: mask, other, else: self)
    }
    /// Returns a number where the mask is true, else this tensor's own elements.
    public func replacing(with value: Float, where mask: BooleanTensor) -> Tensor {
        replacing(with: Tensor(value), where: mask)
    }
}

extension StridedTensor where Scalar == Bool {
    /// Returns 1 for true and 0 for false.
    public func float32() -> Tensor { selection("float32", where: self, Tensor(1), else: Tensor(0)) }
    /// The opposite of every element.
    public static prefix func .! (operand: BooleanTensor) -> BooleanTensor { operand.float32() .== 0 }
}

extension StridedTensor where Scalar == Int32 {
    /// Returns the same numbers as `Float`. Numbers beyond 2^24 are rounded to the nearest.
    public func float32() -> Tensor {
        withUnsafeElements { source in
            Tensor(shape: shape) { target in
                for index in source.indices { target.initializeElement(at: index, to: Float(source[index])) }
            }
        }
    }
}

/// Returns the larger of two elements, with broadcasting; NaN if either is NaN.
public func maximum(_ left: Tensor, _ right: Tensor) -> Tensor { arithmetic(.maximum, "maximum", left, right) }
/// Returns the smaller of two elements, with broadcasting; NaN if either is NaN.
public func minimum(_ left: Tensor, _ right: Tensor) -> Tensor { arithmetic(.minimum, "minimum", left, right) }
