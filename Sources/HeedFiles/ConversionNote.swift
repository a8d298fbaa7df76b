import HeedTensor

/// What is said of tensors of a file that were converted as they were read.
package enum ConversionNote {
    /// The note; nil if all are F32.
    ///
    /// - Parameter element: What their numbers are from then on.
    package static func of(_ entries: some Sequence<TensorEntry>, to element: ElementType = .float32) -> String? {
        var counts: [(type: TensorElementType, count: Int)] = []
        for entry in entries where entry.type != .float32 {
            if let index = counts.firstIndex(where: { $0.type == entry.type }) {
                counts[index].count += 1
            } else {
                counts.append((entry.type, 1))
            }
        }
        guard !counts.isEmpty else { return nil }
        let tensors = counts.map { "\($0.count) tensor\($0.count == 1 ? "" : "s") of \($0.type.rawValue)" }
        let verb = counts.reduce(0) { $0 + $1.count } == 1 ? "was" : "were"
        // BF16 that is read as BF16 stays what it is.
        let stays = element == .bfloat16 && counts.allSatisfy { $0.type == .bfloat16 }
        let end = stays ? "taken as they are" : "converted to \(element == .float32 ? "F32" : "BF16")"
        return "\(tensors.joined(separator: " and ")) \(verb) \(end)"
    }
}
