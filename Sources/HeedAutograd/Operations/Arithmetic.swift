import HeedTensor

// Element-wise arithmetic with broadcasting. A gradient is summed over the dimensions that were broadcast.

extension Variable {
    /// `left + right`, with broadcasting.
    public static func + (left: Variable, right: Variable) -> Variable {
        recorded(left.value + right.value, from: left, right) { Sum("+", left.shape, right.shape, sign: 1) }
    }
    /// `left - right`, with broadcasting.
    public static func - (left: Variable, right: Variable) -> Variable {
        recorded(left.value - right.value, from: left, right) { Sum("-", left.shape, right.shape, sign: -1) }
    }
    /// `left * right`, with broadcasting.
    public static func * (left: Variable, right: Variable) -> Variable {
        recorded(left.value * right.value, from: left, right) { Product("*", left, right) }
    }
    /// `left / right`, with broadcasting.
    public static func / (left: Variable, right: Variable) -> Variable {
        recorded(left.value / right.value, from: left, right) { Quotient(left, right) }
    }
    /// The opposite of every element.
    public static prefix func - (operand: Variable) -> Variable {
        recorded(-operand.value, from: operand) { Scaling("-", -1) }
    }
    /// Adds a number to every element.
    public static func + (left: Variable, right: Float) -> Variable {
        recorded(left.value + right, from: left) { Scaling("+", 1) }
    }
    /// Adds a number to every element.
    public static func + (left: Float, right: Variable) -> Variable { right + left }
    /// Subtracts a number from every element.
    public static func - (left: Variable, right: Float) -> Variable {
        recorded(left.value - right, from: left) { Scaling("-", 1) }
    }
    /// Subtracts every element from a number.
    public static func - (left: Float, right: Variable) -> Variable {
        recorded(left - right.value, from: right) { Scaling("-", -1) }
    }
    /// Multiplies every element by a number.
    public static func * (left: Variable, right: Float) -> Variable {
        recorded(left.value * right, from: left) { Scaling("*", right) }
    }
    /// Multiplies every element by a number.
    public static func * (left: Float, right: Variable) -> Variable { right * left }
    /// Divides every element by a number.
    public static func / (left: Variable, right: Float) -> Variable {
        recorded(left.value / right, from: left) { Scaling("/", 1 / right) }
    }
    /// Divides a number by every element.
    public static func / (left: Float, right: Variable) -> Variable { Variable(left) / right }

    /// Returns the elements of `other` where the mask is true, else this value's own. All three broadcast to each
    /// other. No gradient flows to elements that are not taken.
    public func replacing(with other: Variable, where mask: BooleanTensor) -> Variable {
        Self.recorded(value.replacing(with: other.value, where: mask), from: self, other) {
            Selection(own: shape, other: other.shape, mask: mask)
        }
    }
    /// Returns a number where the mask is true, else this value's own elements.
    public func replacing(with number: Float, where mask: BooleanTensor) -> Variable {
        replacing(with: Variable(number), where: mask)
    }
}

/// Returns the larger of two elements, with broadcasting. If they are equal, each takes half of the gradient, as in
/// PyTorch.
public func maximum(_ left: Variable, _ right: Variable) -> Variable {
    Variable.recorded(maximum(left.value, right.value), from: left, right) { Extremum("maximum", left, right, .>) }
}

/// Returns the smaller of two elements, with broadcasting. If they are equal, each takes half of the gradient, as in
/// PyTorch.
public func minimum(_ left: Variable, _ right: Variable) -> Variable {
    Variable.recorded(minimum(left.value, right.value), from: left, right) { Extremum("minimum", left, right, .<) }
}

/// `y = a + sign b`:   `da = dy`, `db = sign dy`.
private final class Sum: RecordedOperation {
    let left: Shape
    let right: Shape
    let sign: Float

    init(_ name: String, _ left: Shape, _ right: Shape, sign: Float) {
        (self.left, self.right, self.sign) = (left, right, sign)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        if pass.needs(0) { pass.add(gradient.sum(to: left), toInput: 0) }
        if pass.needs(1) {
            let sum = gradient.sum(to: right)
            pass.add(sign < 0 ? -sum : sum, toInput: 1)
        }
    }
}

/// Multiplication by a number, `y = factor x + anything`:   `dx = factor dy`.
private final class Scaling: RecordedOperation {
    let factor: Float

    init(_ name: String, _ factor: Float) {
        self.factor = factor
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        if factor != 1 { gradient *= factor }
        pass.add(gradient, toInput: 0)
    }
}

/// An operation of two tensors, each of which is read only for the other's gradient.
class ProductOperation: RecordedOperation {
    final let left: Tensor?
    final let right: Tensor?
    final let leftShape: Shape
    final let rightShape: Shape

    init(_ name: String, _ left: Variable, _ right: Variable) {
        self.left = right.tape == nil ? nil : left.value
        self.right = left.tape == nil ? nil : right.value
        (leftShape, rightShape) = (left.shape, right.shape)
        super.init(name)
    }
}

/// `y = a b`:   `da = dy b`, `db = dy a`.
private final class Product: ProductOperation {
    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        if pass.needs(1), let left { pass.add((gradient * left).sum(to: rightShape), toInput: 1) }
        if pass.needs(0), let right {
            gradient *= right
            pass.add(gradient.sum(to: leftShape), toInput: 0)
        }
    }
}

/// `y = a / b`:   `da = dy / b`, `db = -(dy / b) (a / b)`.
private final class Quotient: RecordedOperation {
    let left: Tensor?
    let right: Tensor
    let leftShape: Shape

    init(_ left: Variable, _ right: Variable) {
        self.left = right.tape == nil ? nil : left.value
        self.right = right.value
        leftShape = left.shape
        super.init("/")
    }

    override func backward(_ pass: BackwardPass) {
        var gradient = pass.takeGradient()
        gradient /= right
        if pass.needs(1), let left {
            var other = left / right
            other *= gradient
            pass.add((-other).sum(to: right.shape), toInput: 1)
        }
        if pass.needs(0) { pass.add(gradient.sum(to: leftShape), toInput: 0) }
    }
}

/// `y = m ? b : a`:   `da = m ? 0 : dy`, `db = m ? dy : 0`.
private final class Selection: RecordedOperation {
    let own: Shape
    let other: Shape
    let mask: BooleanTensor

    init(own: Shape, other: Shape, mask: BooleanTensor) {
        (self.own, self.other, self.mask) = (own, other, mask)
        super.init("replacing")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        if pass.needs(0) { pass.add(gradient.replacing(with: 0, where: mask).sum(to: own), toInput: 0) }
        if pass.needs(1) { pass.add(Tensor(0).replacing(with: gradient, where: mask).sum(to: other), toInput: 1) }
    }
}

/// `y = max(a, b)`:   `da = dy` where `a > b`, half of it where `a = b`.
private final class Extremum: RecordedOperation {
    let left: Tensor
    let right: Tensor
    let isTaken: (Tensor, Tensor) -> BooleanTensor

    init(
        _ name: String, _ left: Variable, _ right: Variable, _ isTaken: @escaping (Tensor, Tensor) -> BooleanTensor
    ) {
        (self.left, self.right, self.isTaken) = (left.value, right.value, isTaken)
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        let shared = (gradient * 0.5).replacing(with: 0, where: left .!= right)
        if pass.needs(0) {
            pass.add(shared.replacing(with: gradient, where: isTaken(left, right)).sum(to: left.shape), toInput: 0)
        }
        if pass.needs(1) {
            pass.add(shared.replacing(with: gradient, where: isTaken(right, left)).sum(to: right.shape), toInput: 1)
        }
    }
}
