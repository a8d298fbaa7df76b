/// Why an operation could not be done on data that came from outside.
///
/// Operations on tensors stop the program when their shapes are wrong, because that is a mistake in its source. Where
/// shapes come from a file or a request, the form of an operation with the label `validating:` throws this instead.
public struct TensorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of thing is wrong.
    public enum Kind: Sendable, Equatable {
        /// The sizes contradict each other.
        case badShape
        /// A value is out of its range.
        case badArgument
        /// This variant of the operation, this machine or this build does not offer it.
        case notSupported
        /// There was not enough memory.
        case outOfMemory
        /// An index, such as the id of a token or the class of a target, that is outside of its range.
        ///
        /// `position` is where it stands in the tensor of indices: `[2, 5]` for token 5 of sequence 2.
        case indexOutOfRange(value: Int, position: [Int], range: Range<Int>)
    }

    /// What kind of thing is wrong.
    public let kind: Kind
    /// The name of the operation in Swift.
    public let operation: String
    /// What was wrong and what was expected, with the shapes.
    public let reason: String

    package init(_ kind: Kind, _ operation: String, _ reason: String) {
        self.kind = kind
        self.operation = operation
        self.reason = reason
    }

    /// One line: `attention: keys of shape [1, 3, 8, 4] ...`.
    public var description: String { "\(operation): \(reason)" }
}
