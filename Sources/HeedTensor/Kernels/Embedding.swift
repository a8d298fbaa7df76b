internal import CKernels

/// Returns rows of a table: `Y[..., :] = table[indices[...], :]`. This is the product of one-hot rows and the table,
/// computed without the one-hot rows.
///
/// - Parameters:
///   - table: `[vocabulary, n]`.
///   - indices: A tensor of any shape, of numbers from 0 to the vocabulary - 1.
/// - Returns: `[indices..., n]`.
/// - Precondition: the table is a matrix and every index is one of its rows.
public func embedding(_ table: Tensor, indices: IndexTensor) -> Tensor {
    trapping { () throws(TensorError) in try embedding(table, validating: indices) }
}

/// ``embedding(_:indices:)`` for indices that come from outside, from a file or a request.
///
/// - Throws: ``TensorError`` if an index is not a row of the table.
public func embedding(_ table: Tensor, validating indices: IndexTensor) throws(TensorError) -> Tensor {
    require(table.rank == 2, "embedding: the table of shape \(table.shape) is not a matrix")
    let table = table.contiguous()
    var shape = embeddingDescriptor(indices, table.shape[0], table.shape[1], padding: nil)
    return try Tensor(shape: Shape(indices.shape.dimensions + [table.shape[1]])) { output throws(TensorError) in
        try indices.withUnsafeElements { ids throws(TensorError) in
            try table.withUnsafeElements { table throws(TensorError) in
                try heed_embedding_forward(&shape, table.baseAddress, ids.baseAddress, output.baseAddress)
                    .check(
                        "embedding", indices: indices.shape,
                        "table [\(shape.vocabulary), \(shape.columns)], indices \(indices.shape)")
            }
        }
    }
}

/// ``embedding(_:indices:)`` into a tensor that is reused from call to call, which becomes `[indices, n]`.
package func embedding(_ table: Tensor, indices: [Int32], into output: inout Tensor) {
    require(
        table.rank == 2 && table.isContiguous,
        "embedding: the table of shape \(table.shape) is not a matrix in rows of its own")
    var shape = HeedEmbeddingShape()
    (shape.tokens, shape.vocabulary, shape.columns) = (indices.count, table.shape[0], table.shape[1])
    (shape.id_element, shape.id_step) = (.int32, 1)
    (shape.table_row, shape.output_row) = (table.shape[1], table.shape[1])
    output.reuse(as: Shape(rows: indices.count, columns: table.shape[1]))
    output.withUnsafeMutableElements { output in
        withExtendedLifetime(table) {
            indices.withUnsafeBufferPointer { ids in
                trapping { () throws(TensorError) in
                    try heed_embedding_forward(&shape, table.firstElement, ids.baseAddress, output.baseAddress)
                        .check("embedding", "table \(table.shape), \(indices.count) indices")
                }
            }
        }
    }
}

/// Returns the gradient of an embedding's table. Row `v` is the sum of `outputGradient` where the index is `v`, in the
/// order of the indices and in double precision, or 0 if there is none. It equals the product
/// `onehot^T outputGradient`.
///
/// - Parameters:
///   - outputGradient: `[indices..., n]`.
///   - padding: An index that has no gradient.
/// - Returns: `[vocabulary, n]`.
package func embeddingGradient(
    indices: IndexTensor, outputGradient: Tensor, vocabulary: Int, padding: Int? = nil
) -> Tensor {
    let columns = requireRows(indices, outputGradient)
    var shape = embeddingDescriptor(indices, vocabulary, columns, padding: padding)
    return Tensor(shape: [vocabulary, columns]) { gradient in
        indices.withUnsafeElements { ids in
            outputGradient.withUnsafeElements { outputGradient in
                trapping { () throws(TensorError) in
                    try heed_embedding_dense_backward(
                        &shape, ids.baseAddress, outputGradient.baseAddress, gradient.baseAddress
                    )
                    .check(
                        "embeddingGradient", indices: indices.shape,
                        "vocabulary \(vocabulary), indices \(indices.shape)")
                }
            }
        }
    }
}

extension StridedTensor where Scalar == Float {
    /// Adds the gradient of an embedding to this gradient of its table, `[vocabulary, n]`: only the rows whose indices
    /// occur are touched.
    package mutating func addEmbeddingGradient(indices: IndexTensor, outputGradient: Tensor, padding: Int? = nil) {
        let columns = requireRows(indices, outputGradient)
        let table = shape
        require(
            table.rank == 2 && table[1] == columns,
            "embeddingGradient: rows of \(columns) do not fit the table \(table)")
        var descriptor = embeddingDescriptor(indices, table[0], columns, padding: padding)
        descriptor.accumulate = true
        withUnsafeMutableElements { gradient in
            indices.withUnsafeElements { ids in
                outputGradient.withUnsafeElements { outputGradient in
                    trapping { () throws(TensorError) in
                        try heed_embedding_dense_backward(
                            &descriptor, ids.baseAddress, outputGradient.baseAddress, gradient.baseAddress
                        )
                        .check(
                            "embeddingGradient", indices: indices.shape,
                            "table \(table), indices \(indices.shape)")
                    }
                }
            }
        }
    }
}

/// Returns the same gradient as the rows that are touched: their indices in ascending order, and their sums,
/// `[rows, n]`.
package func embeddingGradientRows(
    indices: IndexTensor, outputGradient: Tensor, vocabulary: Int, padding: Int? = nil
) -> (rows: IndexTensor, gradient: Tensor) {
    let columns = requireRows(indices, outputGradient)
    var shape = embeddingDescriptor(indices, vocabulary, columns, padding: padding)
    let most = min(indices.count, vocabulary)
    var count = 0
    var gradient = Tensor.zeros([most, columns])
    let rows = IndexTensor(shape: [most]) { rows in
        rows.initialize(repeating: 0)
        gradient.withUnsafeMutableElements { gradient in
            indices.withUnsafeElements { ids in
                outputGradient.withUnsafeElements { outputGradient in
                    trapping { () throws(TensorError) in
                        try heed_embedding_touched_backward(
                            &shape, ids.baseAddress, outputGradient.baseAddress, rows.baseAddress, gradient.baseAddress,
                            &count
                        ).check(
                            "embeddingGradientRows", indices: indices.shape,
                            "vocabulary \(vocabulary), indices \(indices.shape)")
                    }
                }
            }
        }
    }
    return (rows.slice(axis: 0, range: 0..<count), gradient.slice(axis: 0, range: 0..<count))
}

private func requireRows(_ indices: IndexTensor, _ outputGradient: Tensor) -> Int {
    require(
        outputGradient.rank == indices.rank + 1
            && Array(outputGradient.shape.dimensions.dropLast()) == indices.shape.dimensions,
        "embeddingGradient: the gradient \(outputGradient.shape) does not belong to indices \(indices.shape)")
    return outputGradient.shape[-1]
}

private func embeddingDescriptor(
    _ indices: IndexTensor, _ vocabulary: Int, _ columns: Int, padding: Int?
) -> HeedEmbeddingShape {
    var shape = HeedEmbeddingShape()
    (shape.tokens, shape.vocabulary, shape.columns) = (indices.count, vocabulary, columns)
    (shape.id_element, shape.id_step) = (.int32, 1)
    (shape.table_row, shape.output_row) = (columns, columns)
    if let padding { (shape.has_padding, shape.padding) = (true, Int64(padding)) }
    return shape
}
