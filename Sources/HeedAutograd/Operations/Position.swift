import HeedTensor

/// Adds sinusoidal positions to an input; see the function of tensors.
public func addingSinusoidalPositions(_ input: Variable, firstPosition: Int = 0, base: Double = 10_000) -> Variable {
    let value = addingSinusoidalPositions(to: input.value, firstPosition: firstPosition, base: base)
    return Variable.recorded(value, from: input) { PositionOperation("addingSinusoidalPositions") { $0 } }
}

/// Which columns a rotation turns together.
public typealias RotaryPairs = RotaryPositions.Layout

/// Turns an input by rotary positions; see ``RotaryPositions``.
///
/// - Parameters:
///   - input: `[..., length, dimension]`.
///   - rotaryColumns: The number of columns that turn, from the first one on; by default all.
public func rotatingPositions(
    _ input: Variable, firstPosition: Int = 0, base: Double = 10_000, rotaryColumns: Int? = nil,
    pairs: RotaryPairs = .halves
) -> Variable {
    let rotation = RotaryPositions(rotaryDimension: rotaryColumns, base: base, layout: pairs)
    return Variable.recorded(rotation(input.value, firstPosition: firstPosition), from: input) {
        PositionOperation("rotatingPositions") { rotation.gradient($0, firstPosition: firstPosition) }
    }
}

/// Added positions have no gradient. The gradient of turned columns is turned back.
private final class PositionOperation: RecordedOperation {
    let back: (Tensor) -> Tensor

    init(_ name: String, _ back: @escaping (Tensor) -> Tensor) {
        self.back = back
        super.init(name)
    }

    override func backward(_ pass: BackwardPass) { pass.add(back(pass.takeGradient()), toInput: 0) }
}
