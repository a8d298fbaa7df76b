import Heed

/// A tensor that several arms write their result to, each in its turn.
final class ResultTensor {
    var tensor: Tensor

    init(_ shape: Shape) { tensor = .zeros(shape) }
}
