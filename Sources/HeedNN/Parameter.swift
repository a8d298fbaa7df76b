import HeedTensor
import Synchronization

/// The identity of a parameter, unique in the process. Copies of the parameter keep it.
public struct ParameterIdentity: Hashable, Sendable {
    private let number: UInt64

    private static let last = Atomic<UInt64>(0)

    fileprivate init() { number = Self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// A tensor that a model learns.
///
/// It is a value like any other: copying a model copies it, and neither copy sees changes of the other. Copies keep the
/// identity, by which a ``Context`` finds the variable of a parameter that is used in several places.
public struct Parameter: Sendable {
    /// The numbers of the parameter.
    public var value: Tensor
    /// Whether gradients are computed with respect to the parameter. A frozen parameter is a constant.
    public var isTrainable: Bool
    /// The identity of the parameter.
    public let identity: ParameterIdentity

    /// Makes a new parameter that begins with these numbers.
    public init(_ value: Tensor, trainable: Bool = true) {
        self.value = value
        isTrainable = trainable
        identity = ParameterIdentity()
    }

    /// The sizes of the axes.
    public var shape: Shape { value.shape }
}
