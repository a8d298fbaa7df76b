extension StridedTensor: CustomStringConvertible {
    /// The elements in nested brackets, one row per line, as NumPy prints them. A large tensor shows only the first and
    /// last three entries of an axis.
    public var description: String {
        let printer = TensorPrinter(tensor: self)
        return printer.text
    }
}

/// Prints a tensor. It reads only the elements that are shown, so that printing a large tensor takes no longer than a
/// small one.
private struct TensorPrinter<Scalar: TensorScalar> {
    /// A tensor with more elements is shown in part.
    private static var summaryThreshold: Int { 1000 }
    /// The number of entries that are then shown at each end of an axis.
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

    /// The indices of an axis that are shown; nil for those left out.
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
