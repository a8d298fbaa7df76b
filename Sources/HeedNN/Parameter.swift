import HeedTensor
import Synchronization

/// What tells a parameter from every other of the process; copies of it keep it.
public struct ParameterIdentity: Hashable, Sendable {
    private let number: UInt64

    private static let last = Atomic<UInt64>(0)

    fileprivate init() { number = Self.last.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// A tensor that a model learns.
///
/// A value like any other: copying a model copies it, and neither copy sees what is written to the other. Copies keep
/// the identity, by which a ``Context`` finds the variable of a parameter that is used in several places.
public struct Parameter: Sendable {
    /// The numbers.
    public var value: Tensor
    /// Whether gradients are taken with respect to it. A parameter that is frozen is a constant.
    public var isTrainable: Bool
    /// What it is known by.
    public let identity: ParameterIdentity

    /// A new parameter that begins with these numbers.
    public init(_ value: Tensor, trainable: Bool = true) {
        self.value = value
        isTrainable = trainable
        identity = ParameterIdentity()
    }

    /// The sizes of the axes.
    public var shape: Shape { value.shape }
}
