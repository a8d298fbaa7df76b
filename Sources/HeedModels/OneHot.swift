import HeedTensor

/// Returns a row per token that is 1 in the token's column and 0 elsewhere: `[..., vocabularySize]` for tokens `[...]`.
///
/// - Precondition: every token is from 0 to `vocabularySize - 1`.
func oneHot(_ ids: IndexTensor, vocabularySize: Int) -> Tensor {
    var rows = Tensor.zeros([0, 0])
    oneHot(ids.elements, vocabularySize: vocabularySize, into: &rows)
    return rows.reshaped(Shape(ids.shape.dimensions + [vocabularySize]))
}

/// The same into a tensor that is reused from call to call, which becomes `[ids, vocabularySize]`.
func oneHot(_ ids: [Int32], vocabularySize: Int, into rows: inout Tensor) {
    rows.reuse(as: Shape(rows: ids.count, columns: vocabularySize))
    rows.withUnsafeMutableElements { elements in
        elements.update(repeating: 0)
        for row in ids.indices {
            let id = Int(ids[row])
            require(id >= 0 && id < vocabularySize, "oneHot: token \(id) is not from 0 to \(vocabularySize - 1)")
            elements[row * vocabularySize + id] = 1
        }
    }
}
