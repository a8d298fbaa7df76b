extension StridedTensor: CustomStringConvertible {
    /// The elements in nested brackets, a row a line, as NumPy prints them. Of an axis of a large tensor the first and
    /// last three entries are shown.
    public var description: String {
        let printer = TensorPrinter(tensor: self)
        return printer.text
    }
}

/// Prints a tensor: looks at what is shown alone, so that printing a large one costs no more than printing a small one.
private struct TensorPrinter<Scalar: TensorScalar> {
    /// A tensor with more elements is summarised.
    private static var summaryThreshold: Int { 1000 }
    /// Entries shown at each end of an axis then.
    private static var edgeCount: Int { 3 }

    let tensor: StridedTensor<Scalar>
    private let isSummary: Bool

    init(tensor: StridedTensor<Scalar>) {
        self.tensor = tensor
        isSummary = tensor.count > Self.summaryThreshold
    }

    var text: String {
        if tensor.rank == 0 { return "\(tensor.scalar)" }
        if tensor.shape.isEmpty { return "[] of shape \(tensor.shape)" }
        var width = 0
        forEachShown(tensor) { width = max(width, "\($0)".count) }
        return render(tensor, depth: 1, width: width)
    }

    /// Indices of an axis that are shown; nil stands for those left out.
    private func shownIndices(_ count: Int) -> [Int?] {
        guard isSummary && count > 2 * Self.edgeCount else { return Array(0..<count) }
        return Array(0..<Self.edgeCount) + [nil] + Array(count - Self.edgeCount..<count)
    }

    private func forEachShown(_ part: StridedTensor<Scalar>, _ body: (Scalar) -> Void) {
        guard part.rank > 0 else { return body(part.scalar) }
        for case let index? in shownIndices(part.shape[0]) { forEachShown(part.selecting(axis: 0, index: index), body) }
    }

    private func render(_ part: StridedTensor<Scalar>, depth: Int, width: Int) -> String {
        guard part.rank > 0 else {
            let text = "\(part.scalar)"
            return String(repeating: " ", count: width - text.count) + text
        }
        let entries = shownIndices(part.shape[0]).map { index in
            index.map { render(part.selecting(axis: 0, index: $0), depth: depth + 1, width: width) } ?? "..."
        }
        let separator =
            part.rank == 1
            ? ", "
            : "," + String(repeating: "\n", count: part.rank - 1) + String(repeating: " ", count: depth)
        return "[" + entries.joined(separator: separator) + "]"
    }
}
