import Heed

/// Reads sentences with self-attention and prints which word looks at which, and what becomes of a word with two
/// senses.
///
///     swift run AttentionInAnApp
///     swift run AttentionInAnApp "the duck left the bank" "she left"
@main
struct AttentionInAnApp {
    static func main() {
        var texts = Array(CommandLine.arguments.dropFirst())
        if texts.isEmpty { texts = ["she put money in the bank", "the boat left the river bank yesterday"] }
        let batch = SentenceBatch(texts)

        // Every word attends every word of its own sentence; then, as in a model that writes, only itself and those
        // before it.
        let padding = AttentionMask.padding(lengths: batch.lengths)
        let both = read(batch, mask: padding)
        show("Every word looks at all of its sentence:", both, batch)
        let causal = read(batch, mask: .all([padding, .causal()]))
        show("Every word looks back:", causal, batch)

        showSenses(of: "bank", both.output, batch)
        showThatCompanyDoesNotMatter(batch, mask: padding)
    }

    /// Self-attention: the vectors are queries, keys and values at once. A model would project them first.
    static func read(_ batch: SentenceBatch, mask: AttentionMask) -> AttentionDetails {
        attentionDetails(
            queries: batch.vectors, keys: batch.vectors, values: batch.vectors, mask: mask, includingWeights: true)
    }

    /// The three words that each word gives most of its weight to.
    static func show(_ title: String, _ details: AttentionDetails, _ batch: SentenceBatch) {
        guard let weights = details.weights else { return }
        print(title)
        for (entry, words) in batch.sentences.enumerated() {
            for (query, word) in words.enumerated() {
                let seen = words.indices.map { key in (word: words[key], weight: weights[entry, 0, query, key]) }
                let most = seen.filter { $0.weight > 0 }.sorted { $0.weight > $1.weight }.prefix(3)
                let list = most.map { "\($0.word) \(percent($0.weight))" }.joined(separator: ", ")
                print("  \(padded(word, to: 10)) -> \(list)")
            }
            print()
        }
    }

    /// How much of a word's vector means water and how much money, before and after it has looked around.
    static func showSenses(of word: String, _ output: Tensor, _ batch: SentenceBatch) {
        print("What \"\(word)\" means:")
        for (entry, words) in batch.sentences.enumerated() {
            guard let position = words.firstIndex(of: word) else { continue }
            let before = senses(batch.vectors, entry, position)
            let after = senses(output, entry, position)
            print("  \(words.joined(separator: " ")): \(before), after attention \(after)")
        }
    }

    private static func senses(_ vectors: Tensor, _ entry: Int, _ position: Int) -> String {
        let water = vectors[entry, 0, position, 2]
        let money = vectors[entry, 0, position, 3]
        return "water \(percent(water / (water + money))), money \(percent(money / (water + money)))"
    }

    /// A sentence gives the same bits alone as in a batch, behind padding that holds NaN.
    static func showThatCompanyDoesNotMatter(_ batch: SentenceBatch, mask: AttentionMask) {
        let output = attention(queries: batch.vectors, keys: batch.vectors, values: batch.vectors, mask: mask)
        for (entry, words) in batch.sentences.enumerated() {
            let vectors = Vocabulary.vectors(of: words)
            let alone = attention(queries: vectors, keys: vectors, values: vectors).elements
            let together = output.selecting(axis: 0, index: entry).selecting(axis: 0, index: 0)[0..<words.count]
            let same = alone.map(\.bitPattern) == together.elements.map(\.bitPattern)
            print("Sentence \(entry + 1) alone: \(same ? "the same bits" : "other bits")")
        }
    }

    private static func percent(_ share: Float) -> String { "\(Int((100 * share).rounded())) %" }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
