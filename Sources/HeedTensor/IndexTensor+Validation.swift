extension StridedTensor where Scalar == Int32 {
    /// Checks that every index is in `range`.
    ///
    /// Use it for ids that come from outside, before a model gets them: an id that the model does not have stops the
    /// program there.
    ///
    /// ```swift
    /// try ids.check(within: 0..<model.vocabularySize)
    /// let logits = model(ids)
    /// ```
    ///
    /// - Parameters:
    ///   - range: The indices that are allowed.
    ///   - ignored: A number that is allowed beside them: padding, or the target that a loss ignores.
    ///   - noun: What an index is called in the error.
    /// - Throws: ``TensorError`` of the kind ``TensorError/Kind/indexOutOfRange(value:position:range:)`` for the first
    ///   that is not.
    public func check(
        within range: Range<Int>, ignoring ignored: Int? = nil, as noun: String = "id"
    ) throws(TensorError) {
        var fault: (value: Int, place: Int)?
        withUnsafeElements { indices in
            guard let place = indices.firstIndex(where: { !range.contains(Int($0)) && Int($0) != ignored }) else {
                return
            }
            fault = (Int(indices[place]), place)
        }
        guard let fault else { return }
        let allowed =
            range.isEmpty ? "none is allowed" : "those allowed are from \(range.lowerBound) to \(range.upperBound - 1)"
        let position = shape.coordinates(of: fault.place)
        throw TensorError(
            .indexOutOfRange(value: fault.value, position: position, range: range), "IndexTensor.check",
            "\(noun) \(fault.value) at \(position) is out of range: \(allowed); the tensor has the shape \(shape)")
    }
}
