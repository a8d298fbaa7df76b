import HeedTensor
import HeedTestSupport
import Testing

@Suite("Sparse matrices")
struct SparseMatrixTests {
    /// About `entries` entries a row, some rows empty, some columns twice.
    private static func random(_ rows: Int, _ columns: Int, entries: Int, seed: UInt64) throws -> SparseMatrix {
        var generator = SeededGenerator(seed: seed)
        var (offsets, places, values) = ([Int32(0)], [Int32](), [Float]())
        for _ in 0..<rows {
            for _ in 0..<Int.random(in: 0...2 * entries, using: &generator) where columns > 0 {
                places.append(Int32.random(in: 0..<Int32(columns), using: &generator))
                values.append(generator.normal())
            }
            offsets.append(Int32(places.count))
        }
        return try SparseMatrix(
            rowCount: rows, columnCount: columns, offsets: offsets, columns: places, values: values)
    }

    /// Row-major.
    private static func dense(_ matrix: SparseMatrix) -> [Double] {
        var result = [Double](repeating: 0, count: matrix.rowCount * matrix.columnCount)
        for row in 0..<matrix.rowCount {
            for entry in Int(matrix.offsets[row])..<Int(matrix.offsets[row + 1]) {
                result[row * matrix.columnCount + Int(matrix.columns[entry])] += Double(matrix.values[entry])
            }
        }
        return result
    }

    private static func product(_ matrix: SparseMatrix, _ x: Tensor) -> [Double] {
        let (dense, x, width) = (dense(matrix), x.elements, x.shape[1])
        var result = [Double](repeating: 0, count: matrix.rowCount * width)
        for row in 0..<matrix.rowCount {
            for column in 0..<matrix.columnCount {
                for place in 0..<width {
                    result[row * width + place] +=
                        dense[row * matrix.columnCount + column] * Double(x[column * width + place])
                }
            }
        }
        return result
    }

    @Test(arguments: [(1, 1, 1), (7, 5, 3), (40, 33, 16), (33, 60, 70), (3, 0, 4), (0, 4, 2)])
    func productsAgreeWithDense(rows: Int, columns: Int, width: Int) throws {
        let matrix = try Self.random(rows, columns, entries: 4, seed: UInt64(rows))
        let x = Tensor.normal([columns, width], seed: 1)
        let result = matrix.multiplied(by: x)
        #expect(result.shape == [rows, width])
        #expect(normwiseError(result.elements, Self.product(matrix, x)) < 4 * floatEpsilon)
        #expect(haveSameBits(matrix.multiplied(by: x.transposed().contiguous().transposed()), result))
    }

    @Test func theTransposeIsTheDenseOnes() throws {
        let matrix = try Self.random(23, 31, entries: 3, seed: 2)
        let transpose = matrix.transposed()
        #expect(transpose.rowCount == 31 && transpose.columnCount == 23)
        let (dense, turned) = (Self.dense(matrix), Self.dense(transpose))
        for row in 0..<23 {
            for column in 0..<31 { #expect(abs(dense[row * 31 + column] - turned[column * 23 + row]) < 1e-12) }
        }
        for row in 0..<31 {
            let places = transpose.columns[Int(transpose.offsets[row])..<Int(transpose.offsets[row + 1])]
            #expect(places.sorted() == Array(places))
        }
        // <A x, y> = <x, A' y>: the gradient of x is the transpose's product.
        let (x, y) = (Tensor.normal([31, 4], seed: 3), Tensor.normal([23, 4], seed: 4))
        let (left, right) = ((matrix.multiplied(by: x) * y).sum(), (x * transpose.multiplied(by: y)).sum())
        #expect(abs(left.scalar - right.scalar) < 1e-4)
    }

    @Test func rowsThatNoEntryNamesAreNotRead() throws {
        let matrix = try SparseMatrix(
            rowCount: 2, columnCount: 3, offsets: [0, 2, 2], columns: [2, 2], values: [2, 3])
        let x = Tensor([.nan, .infinity, .nan, .nan, 1, -2], shape: [3, 2])
        #expect(matrix.multiplied(by: x) == Tensor([5, -10, 0, 0], shape: [2, 2]))
    }

    @Test func normalizedAdjacencyIsTheDenseFormula() throws {
        var adjacency = Tensor.zeros([9, 9])
        var generator = SeededGenerator(seed: 5)
        for row in 0..<8 {
            for column in 0..<8 where Int.random(in: 0..<3, using: &generator) == 0 {
                adjacency[row, column] = Float.random(in: 0.5..<2, using: &generator)
            }
        }
        let values = adjacency.elements.enumerated().map { Double($1) + ($0 % 10 == 0 ? 1 : 0) }
        let degrees = (0..<9).map { row in values[9 * row..<9 * row + 9].reduce(0, +) }
        let expected = values.indices.map { values[$0] / (degrees[$0 / 9] * degrees[$0 % 9]).squareRoot() }
        for view in [adjacency, adjacency.transposed().contiguous().transposed()] {
            let dense = Self.dense(try SparseMatrix.normalizedAdjacency(view))
            #expect(normwiseError(dense.map { Float($0) }, expected) < 2 * floatEpsilon)
        }
        #expect(try SparseMatrix.normalizedAdjacency(Tensor.zeros([0, 0])).rowCount == 0)
    }

    @Test func whatAreNoCompressedRowsIsRefused() {
        func refuses(_ rows: Int, _ columns: Int, _ offsets: [Int32], _ places: [Int32], _ count: Int) {
            #expect(throws: TensorError.self) {
                try SparseMatrix(
                    rowCount: rows, columnCount: columns, offsets: offsets, columns: places,
                    values: [Float](repeating: 1, count: count))
            }
        }
        refuses(2, 3, [0, 1], [0], 1)
        refuses(2, 3, [0, 1, 2], [0, 1], 1)
        refuses(2, 3, [1, 1, 2], [0, 1], 2)
        refuses(2, 3, [0, 2, 1], [0, 1], 2)
        refuses(2, 3, [0, 1, 1], [0, 1], 2)
        refuses(2, 3, [0, 1, 3], [0, 1], 2)
        refuses(2, 3, [0, 1, 2], [0, 3], 2)
        refuses(2, 3, [0, 1, 2], [0, -1], 2)
        refuses(-1, 3, [], [], 0)
        refuses(.max, 3, [0], [], 0)
        refuses(0, -1, [0], [], 0)
        #expect(throws: TensorError.self) { try SparseMatrix.normalizedAdjacency(Tensor.zeros([2, 3])) }
        #expect(throws: TensorError.self) { try SparseMatrix.normalizedAdjacency(Tensor.zeros([4])) }
    }

    #if !os(iOS)
    @Test func wrongShapesStopTheProgram() async {
        await #expect(processExitsWith: .failure) {
            let matrix = try SparseMatrix(rowCount: 1, columnCount: 2, offsets: [0, 0], columns: [], values: [])
            _ = matrix.multiplied(by: Tensor.zeros([3, 2]))
        }
        await #expect(processExitsWith: .failure) {
            let matrix = try SparseMatrix(rowCount: 1, columnCount: 2, offsets: [0, 0], columns: [], values: [])
            _ = matrix.multiplied(by: Tensor.zeros([2]))
        }
    }
    #endif
}
