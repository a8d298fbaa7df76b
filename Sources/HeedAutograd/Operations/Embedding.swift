import HeedTensor

/// Looks up rows of a table by their ids:   `y[..., j] = table[ids[...], j]`.
///
/// - Parameters:
///   - ids: A tensor of any shape, of ids from 0 to `vocabulary - 1`.
///   - table: `[vocabulary, columns]`.
///   - padding: The row of this id has no gradient.
public func embedding(_ ids: IndexTensor, table: Variable, padding: Int? = nil) -> Variable {
    Variable.recorded(embedding(table.value, indices: ids), from: table) {
        Embedding(ids, table.shape, padding: padding)
    }
}

/// A look-up, with the gradient `dtable[ids[...]] += dy[...]`.
private final class Embedding: RecordedOperation {
    let ids: IndexTensor
    let table: Shape
    let padding: Int?

    init(_ ids: IndexTensor, _ table: Shape, padding: Int?) {
        (self.ids, self.table, self.padding) = (ids, table, padding)
        super.init("embedding")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        guard pass.hasGradient(ofInput: 0) else {
            // The first gradient is written as a whole, by all threads.
            pass.add(
                embeddingGradient(indices: ids, outputGradient: gradient, vocabulary: table[0], padding: padding),
                toInput: 0)
            return
        }
        pass.accumulate(toInput: 0, shape: table) {
            $0.addEmbeddingGradient(indices: ids, outputGradient: gradient, padding: padding)
        }
    }
}
