/// The text of a stream of tokens, piece by piece.
struct TextPieces: AsyncSequence, Sendable {
    typealias Element = String
    typealias Failure = any Error

    let tokens: AsyncThrowingStream<Int32, any Error>
    let vocabulary: LanguageVocabulary
    /// The last token of the prompt.
    let previous: Int32?

    struct AsyncIterator: AsyncIteratorProtocol {
        var tokens: AsyncThrowingStream<Int32, any Error>.Iterator
        let vocabulary: LanguageVocabulary
        var previous: Int32?

        mutating func next() async throws -> String? {
            guard let token = try await tokens.next() else { return nil }
            defer { previous = token }
            return vocabulary.piece(token, after: previous)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(tokens: tokens.makeAsyncIterator(), vocabulary: vocabulary, previous: previous)
    }
}
