internal import CKernels

/// The table of sinusoidal positions (Vaswani et al. 2017):   `[p, 2i] = sin(p f)`, `[p, 2i + 1] = cos(p f)`,
/// `f = base^(-2i / dimension)`.
///
/// - Returns: `[length, dimension]`, the positions from `firstPosition` on. A row has the same bits whatever the other
///   rows are.
/// - Precondition: sizes and positions are not negative, `base` is above 0.
public func sinusoidalPositions(length: Int, dimension: Int, firstPosition: Int = 0, base: Double = 10000) -> Tensor {
    requirePositions("sinusoidalPositions", length, firstPosition, base)
    var shape = HeedPositionSinusoidalShape()
    (shape.batch, shape.length, shape.columns) = (1, length, dimension)
    (shape.first_position, shape.base) = (Int64(firstPosition), base)
    return Tensor(shape: [length, dimension]) { table in
        trapping { () throws(TensorError) in
            try heed_position_sinusoidal_table(&shape, table.baseAddress)
                .check("sinusoidalPositions", "length \(length), dimension \(dimension)")
        }
    }
}

/// Returns `input + table`, with the table of ``sinusoidalPositions(length:dimension:firstPosition:base:)`` for the
/// last two axes. The gradient of the input is that of the result.
///
/// - Parameters:
///   - input: `[..., length, dimension]`.
///   - table: A computed table of positions from 0 on; nil to compute it.
public func addingSinusoidalPositions(
    to input: Tensor, firstPosition: Int = 0, base: Double = 10000, table: Tensor? = nil
) -> Tensor {
    requirePositions("addingSinusoidalPositions", input.rank < 2 ? -1 : input.shape[-2], firstPosition, base)
    let (length, dimension) = (input.shape[-2], input.shape[-1])
    requireTable("addingSinusoidalPositions", table, width: dimension, rows: firstPosition + length)
    let (input, table) = (input.contiguous(), table?.contiguous())
    var shape = HeedPositionSinusoidalShape()
    (shape.length, shape.columns) = (length, dimension)
    shape.batch = input.shape.isEmpty ? 0 : input.count / (length * dimension)
    (shape.input_batch, shape.input_row) = (length * dimension, dimension)
    (shape.output_batch, shape.output_row) = (length * dimension, dimension)
    (shape.first_position, shape.base) = (Int64(firstPosition), base)
    return Tensor(shape: input.shape) { output in
        withExtendedLifetime((input, table)) {
            trapping { () throws(TensorError) in
                try heed_position_sinusoidal_forward(
                    &shape, input.firstElement, table.map { UnsafePointer($0.firstElement) }, table?.shape[0] ?? 0,
                    output.baseAddress
                ).check("addingSinusoidalPositions", "input \(input.shape)")
            }
        }
    }
}

/// Rotary positions (Su et al. 2021): pairs of columns turn by angles that grow with the position.
public struct RotaryPositions: Sendable {
    /// Which columns turn together.
    public enum Layout: Sendable {
        /// `i` and `i + rotaryDimension / 2`, as in GPT-NeoX and LLaMA.
        case halves
        /// `2i` and `2i + 1`, as in the paper.
        case interleaved
    }

    /// The number of columns that turn, from the first one on; nil for all.
    public var rotaryDimension: Int?
    /// The base of the angles, 10000 in the paper.
    public var base: Double
    /// The pairs of columns.
    public var layout: Layout

    /// Makes rotary positions.
    public init(rotaryDimension: Int? = nil, base: Double = 10000, layout: Layout = .halves) {
        self.rotaryDimension = rotaryDimension
        self.base = base
        self.layout = layout
    }

    /// Returns the cosines and sines of positions `0..<length`, for ``callAsFunction(_:firstPosition:table:)``.
    public func table(length: Int, dimension: Int) -> Tensor {
        requirePositions("RotaryPositions.table", length, 0, base)
        let width = rotaryDimension ?? dimension
        var shape = HeedPositionRotaryShape()
        (shape.batch, shape.heads, shape.length) = (1, 1, length)
        (shape.columns, shape.rotary, shape.base) = (dimension, width, base)
        return Tensor(shape: [length, width]) { table in
            trapping { () throws(TensorError) in
                try heed_position_rotary_table(&shape, table.baseAddress)
                    .check("RotaryPositions.table", "length \(length), dimension \(dimension)")
            }
        }
    }

    /// `y[first] = x[first] cos a - x[second] sin a`, `y[second] = x[second] cos a + x[first] sin a` for each pair,
    /// `a = p base^(-2i / n)`.
    ///
    /// - Parameters:
    ///   - input: `[..., length, dimension]`, any view.
    ///   - firstPosition: The position of the first row: the number of tokens that a cache holds already.
    ///   - table: The result of ``table(length:dimension:)``; nil to compute it.
    public func callAsFunction(_ input: Tensor, firstPosition: Int = 0, table: Tensor? = nil) -> Tensor {
        rotated(input, firstPosition: firstPosition, table: table, inverse: false)
    }

    /// Returns the gradient of the input: the gradient of the output, turned back.
    package func gradient(_ outputGradient: Tensor, firstPosition: Int = 0, table: Tensor? = nil) -> Tensor {
        rotated(outputGradient, firstPosition: firstPosition, table: table, inverse: true)
    }

    private func rotated(_ input: Tensor, firstPosition: Int, table: Tensor?, inverse: Bool) -> Tensor {
        requirePositions("RotaryPositions", input.rank < 2 ? -1 : input.shape[-2], firstPosition, base)
        let (length, dimension) = (input.shape[-2], input.shape[-1])
        let width = rotaryDimension ?? dimension
        require(
            width >= 0 && width <= dimension && width.isMultiple(of: 2),
            "RotaryPositions: \(width) columns of \(input.shape) cannot turn in pairs")
        requireTable("RotaryPositions", table, width: width, rows: firstPosition + length)
        let table = table?.contiguous()
        let source = input.layout.strides[input.rank - 1] == 1 || dimension == 1 ? input : input.contiguous()
        // Leading axes are joined if they are at even distances; one of them is the kernel's heads.
        let loop = StridedLoop(
            shape: Shape(source.shape.sizes.first(source.rank - 2)),
            strides: source.layout.strides.first(source.rank - 2), source.shape.rowMajorStrides.first(source.rank - 2))
        var shape = HeedPositionRotaryShape()
        (shape.batch, shape.heads, shape.length) = (1, loop.runCount, length)
        (shape.columns, shape.rotary) = (dimension, width)
        (shape.input_head, shape.input_row) = (loop.runStride(0), source.layout.strides[source.rank - 2])
        (shape.output_head, shape.output_row) = (loop.runStride(1), dimension)
        (shape.first_position, shape.base) = (Int64(firstPosition), base)
        shape.layout = layout == .halves ? .halves : .interleaved
        shape.inverse = inverse
        return Tensor(shape: source.shape) { output in
            guard let output = output.baseAddress, !source.shape.isEmpty else { return }
            loop.forEachRun { offsets in
                withExtendedLifetime((source, table)) {
                    trapping { () throws(TensorError) in
                        try heed_position_rotary(
                            &shape, source.firstElement + offsets[0], table.map { UnsafePointer($0.firstElement) },
                            table?.shape[0] ?? 0, output + offsets[1]
                        ).check("RotaryPositions", "input \(source.shape)")
                    }
                }
            }
        }
    }
}

private func requirePositions(_ operation: String, _ length: Int, _ first: Int, _ base: Double) {
    require(length >= 0, "\(operation): there is no axis of positions")
    require(
        first >= 0 && first <= Int(HEED_POSITION_MAX) && length <= Int(HEED_POSITION_MAX) - first + 1,
        "\(operation): positions from \(first) on, \(length) of them, are not between 0 and \(HEED_POSITION_MAX)")
    require(base.isFinite && base > 0, "\(operation): base \(base) is not above 0")
}

private func requireTable(_ operation: String, _ table: Tensor?, width: Int, rows: Int) {
    guard let table else { return }
    require(
        table.rank == 2 && table.shape[1] == width && table.shape[0] >= rows,
        "\(operation): a table of shape \(table.shape) does not have the \(rows) positions of width \(width)")
}
