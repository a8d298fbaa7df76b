internal import CKernels

/// A sparse matrix in compressed sparse rows (CSR). A product with it sums over the neighbours in a graph.
///
/// Row `r` has the entries `offsets[r] ..< offsets[r + 1]`, with their columns and values. A column that occurs twice
/// in a row counts twice.
public struct SparseMatrix: Sendable {
    /// The number of rows.
    public let rowCount: Int
    /// The number of columns.
    public let columnCount: Int
    /// The first entry of each row, and last the number of entries.
    public let offsets: [Int32]
    /// The column of each entry.
    public let columns: [Int32]
    /// The value of each entry.
    public let values: [Float]

    /// Makes a matrix of these entries.
    ///
    /// - Throws: ``TensorError`` if the offsets do not begin at 0, fall, or do not end at the number of entries, or
    ///   a column does not exist.
    public init(
        rowCount: Int, columnCount: Int, offsets: [Int32], columns: [Int32], values: [Float]
    ) throws(TensorError) {
        let sizes = "\(rowCount) rows, \(columnCount) columns, \(offsets.count) offsets, \(columns.count) entries"
        guard rowCount >= 0, columnCount >= 0, offsets.count - 1 == rowCount, values.count == columns.count else {
            throw TensorError(.badShape, "SparseMatrix", "\(sizes), \(values.count) values do not fit each other")
        }
        (self.rowCount, self.columnCount) = (rowCount, columnCount)
        (self.offsets, self.columns, self.values) = (offsets, columns, values)
        try withDescriptor { matrix in heed_sparse_check(&matrix) }.check(
            "SparseMatrix", "no compressed sparse rows: \(sizes)")
    }

    private init(unchecked rowCount: Int, _ columnCount: Int, _ offsets: [Int32], _ columns: [Int32], _ values: [Float])
    {
        (self.rowCount, self.columnCount) = (rowCount, columnCount)
        (self.offsets, self.columns, self.values) = (offsets, columns, values)
    }

    /// `D^-1/2 (A + I) D^-1/2`, `D` the row sums of `A + I`: the propagation of a graph convolution (Kipf and Welling
    /// 2017).
    ///
    /// - Parameter adjacency: `[n, n]`. Entries that are not 0 are the weights of edges.
    /// - Throws: ``TensorError`` if the matrix is not square.
    public static func normalizedAdjacency(_ adjacency: Tensor) throws(TensorError) -> SparseMatrix {
        let operation = "SparseMatrix.normalizedAdjacency"
        guard adjacency.rank == 2, adjacency.shape[0] == adjacency.shape[1] else {
            throw TensorError(.badShape, operation, "an adjacency \(adjacency.shape) is not square")
        }
        let count = adjacency.shape[0]
        let strides = adjacency.layout.strides
        defer { withExtendedLifetime(adjacency) {} }
        let entries =
            count == 0 ? 0 : heed_sparse_count_dense(count, adjacency.firstElement, strides[0], strides[1])
        let capacity = heed_sparse_normalized_capacity(count, entries)
        guard capacity <= Int(Int32.max) else {
            throw TensorError(.badShape, operation, "an adjacency \(adjacency.shape) has too many edges")
        }
        var offsets = [Int32](repeating: 0, count: count + 1)
        var columns = [Int32](repeating: 0, count: capacity)
        var values = [Float](repeating: 0, count: capacity)
        try heed_sparse_normalize_dense(
            count, adjacency.firstElement, strides[0], strides[1], &offsets, &columns, &values
        ).check(operation, "\(adjacency.shape)")
        let used = Int(offsets[count])
        return SparseMatrix(unchecked: count, count, offsets, Array(columns[..<used]), Array(values[..<used]))
    }

    /// Returns the transpose, with the entries of a row in ascending order of columns.
    public func transposed() -> SparseMatrix {
        var offsets = [Int32](repeating: 0, count: columnCount + 1)
        var columns = [Int32](repeating: 0, count: columns.count)
        var values = [Float](repeating: 0, count: values.count)
        trapping { () throws(TensorError) in
            try withDescriptor { heed_sparse_transpose(&$0, &offsets, &columns, &values, nil) }
                .check("SparseMatrix.transposed", "\(rowCount) x \(columnCount)")
        }
        return SparseMatrix(unchecked: columnCount, rowCount, offsets, columns, values)
    }

    /// Returns the product with a matrix: `y[r, j] = sum over the entries of row r of value x[column, j]`, in the order
    /// of the entries.
    ///
    /// The gradient of `x` is the transpose's product with that of `y`. A row that no entry names is not read: it has
    /// no effect, even if it holds NaN.
    ///
    /// - Precondition: `x` is `[columnCount, width]`.
    public func multiplied(by x: Tensor) -> Tensor {
        require(
            x.rank == 2 && x.shape[0] == columnCount,
            "SparseMatrix.multiplied: \(rowCount) x \(columnCount) cannot be multiplied by \(x.shape)")
        let width = x.shape[1]
        var shape = HeedSparseShape()
        shape.width = width
        (shape.x_row, shape.x_column) = (x.layout.strides[0], x.layout.strides[1])
        (shape.y_row, shape.y_column) = (width, 1)
        return Tensor(shape: [rowCount, width]) { result in
            trapping { () throws(TensorError) in
                defer { withExtendedLifetime(x) {} }
                try withDescriptor { heed_sparse_forward(&$0, &shape, x.firstElement, result.baseAddress) }
                    .check("SparseMatrix.multiplied", "\(rowCount) x \(columnCount) by \(x.shape)")
            }
        }
    }

    private func withDescriptor(_ body: (inout HeedSparse) -> HeedStatus) -> HeedStatus {
        offsets.withUnsafeBufferPointer { offsets in
            columns.withUnsafeBufferPointer { columns in
                values.withUnsafeBufferPointer { values in
                    var matrix = HeedSparse(
                        rows: rowCount, columns: columnCount, entries: columns.count, offsets: offsets.baseAddress,
                        column: columns.baseAddress, value: values.baseAddress)
                    return body(&matrix)
                }
            }
        }
    }
}
