/// Why a model, or data from outside, cannot be used.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was wrong, where, and what was expected.
    public let reason: String

    /// Makes an error with its reason.
    public init(_ reason: String) { self.reason = reason }

    /// The ``reason`` of the error.
    public var description: String { reason }

    /// Makes sure that tokens from outside are a model's.
    ///
    /// - Parameter what: The text that the tokens belong to: "the prompt".
    /// - Throws: An error that names the first that is not, its place and the range.
    package static func requireTokens(
        _ tokens: some RandomAccessCollection<Int32>, of what: String, vocabularySize: Int
    ) throws(ModelError) {
        guard let index = tokens.firstIndex(where: { $0 < 0 || Int($0) >= vocabularySize }) else { return }
        let place = tokens.distance(from: tokens.startIndex, to: index)
        throw ModelError("token \(tokens[index]) at \(place) of \(what) is not from 0 to \(vocabularySize - 1)")
    }
}
