import HeedTensor

/// Computes dropout; see the function of tensors. The mask is drawn again in the backward pass, and never stored.
public func dropout(
    _ input: Variable, probability: Float, seed: UInt64, stream: UInt64 = 0, offset: UInt64 = 0
) -> Variable {
    let value = dropout(input.value, probability: probability, seed: seed, stream: stream, offset: offset)
    return Variable.recorded(value, from: input) { Dropout(probability, seed, stream, offset) }
}

/// Dropout, with the gradient `dx = keep ? dy / (1 - probability) : 0`.
private final class Dropout: RecordedOperation {
    let probability: Float
    let seed: UInt64
    let stream: UInt64
    let offset: UInt64

    init(_ probability: Float, _ seed: UInt64, _ stream: UInt64, _ offset: UInt64) {
        (self.probability, self.seed, self.stream, self.offset) = (probability, seed, stream, offset)
        super.init("dropout")
    }

    override func backward(_ pass: BackwardPass) {
        pass.add(
            dropout(pass.takeGradient(), probability: probability, seed: seed, stream: stream, offset: offset),
            toInput: 0)
    }
}
