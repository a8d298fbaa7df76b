// What packed models do with the rows of the matrices that they keep from step to step. For them only: it changes
// shapes and rows in place, which a tensor of a program's own never needs.

extension StridedTensor where Scalar == Float {
    /// Keeps only these rows of the matrix, in place if nothing else refers to the memory.
    ///
    /// - Precondition: the rows rise.
    package mutating func keepRows(_ rows: some Collection<Int>) {
        let columns = shape[-1]
        var target = 0
        withUnsafeMutableElements { elements in
            guard let start = elements.baseAddress else { return }
            for row in rows {
                require(row >= target && (row + 1) * columns <= elements.count, "keepRows: row \(row) is out of order")
                // Each row is behind the place to which it moves.
                (start + target * columns).update(from: start + row * columns, count: columns)
                target += 1
            }
        }
        layout = Layout(contiguous: Shape(rows: target, columns: columns))
    }

    /// Overwrites row `row` of a matrix with a row of another matrix of as many columns; in place if nothing else
    /// refers to the memory.
    package mutating func copyRow(_ row: Int, from source: Self, _ sourceRow: Int) {
        require(
            rank == 2 && source.rank == 2 && shape[1] == source.shape[1] && row >= 0 && row < shape[0] && sourceRow >= 0
                && sourceRow < source.shape[0],
            "copyRow: row \(sourceRow) of \(source.shape) cannot become row \(row) of \(shape)")
        let columns = shape[1]
        withUnsafeMutableElements { target in
            source.withUnsafeElements { source in
                guard let target = target.baseAddress, let source = source.baseAddress else { return }
                (target + row * columns).update(from: source + sourceRow * columns, count: columns)
            }
        }
    }

    /// Turns a contiguous matrix `[batch rows, columns]` into `[batch, rows, columns]`, in place.
    package mutating func divideRows(into batch: Int) {
        require(
            rank == 2 && isContiguous && batch > 0 && shape.sizes[0].isMultiple(of: batch),
            "divideRows: \(shape) does not come apart into \(batch)")
        var sizes = shape.sizes
        sizes[0] /= batch
        sizes.insert(batch, at: 0)
        layout = Layout(contiguous: Shape(sizes))
    }

    /// Returns a view of columns of some rows of a matrix as heads, `[1, heads, rows, dimension]`. The columns of a
    /// head are side by side, from `firstColumn` on.
    package func heads(_ heads: Int, dimension: Int, rows: Range<Int>, firstColumn: Int) -> Self {
        require(
            rank == 2 && rows.lowerBound >= 0 && rows.upperBound <= shape.sizes[0] && firstColumn >= 0
                && firstColumn + heads * dimension <= shape.sizes[1],
            "heads: \(heads) heads of \(dimension) columns from \(firstColumn) on of rows \(rows) are no part of \(shape)"
        )
        let (row, column) = (layout.strides[0], layout.strides[1])
        var sizes = IndexVector(repeating: 1, count: 4)
        (sizes[1], sizes[2], sizes[3]) = (heads, rows.count, dimension)
        var strides = IndexVector(repeating: 0, count: 4)
        (strides[1], strides[2], strides[3]) = (dimension * column, row, column)
        return Self(
            storage: storage,
            layout: Layout(
                shape: Shape(sizes), strides: strides,
                offset: layout.offset + (rows.isEmpty ? 0 : rows.lowerBound * row + firstColumn * column)))
    }
}
