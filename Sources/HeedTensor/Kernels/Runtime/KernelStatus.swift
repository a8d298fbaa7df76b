internal import CKernels

extension HeedStatus {
    /// Throws the error of a kernel, with the shapes that it was given.
    ///
    /// - Parameter indices: The shape of the tensor of indices, where there is one: an index that is refused has its
    ///   place in it.
    func check(
        _ operation: String, indices: Shape? = nil, _ shapes: @autoclosure () -> String
    ) throws(TensorError) {
        try check(operation, indices: { _ in indices }, shapes())
    }

    /// The same for a kernel that takes several arrays of indices.
    ///
    /// - Parameter indices: The shape of each, by the name that the kernel gives it.
    func check(
        _ operation: String, indices: (String) -> Shape?, _ shapes: @autoclosure () -> String
    ) throws(TensorError) {
        let kind: TensorError.Kind
        switch self {
        case .ok: return
        case .badShape, .badStride: kind = .badShape
        case .badArgument: kind = .badArgument
        case .notSupported: kind = .notSupported
        case .outOfMemory: kind = .outOfMemory
        case .badIndex:
            let bad = heed_status_bad_index()
            let array = bad.array.map { String(cString: $0) } ?? "index"
            throw .outOfRange(bad, of: array, indices(array), operation, shapes())
        }
        throw TensorError(kind, operation, "\(String(cString: heed_status_description(self))): \(shapes())")
    }
}

extension TensorError {
    /// An index that a kernel refused.
    fileprivate static func outOfRange(
        _ bad: HeedBadIndex, of array: String, _ indices: Shape?, _ operation: String, _ shapes: String
    ) -> TensorError {
        // "targets" holds targets.
        let noun = array.hasSuffix("s") ? String(array.dropLast()) : array
        let place = Int(bad.place)
        return outOfRange(
            noun, Int(bad.value), at: indices?.coordinates(of: place) ?? [place], count: Int(bad.range), operation,
            shapes)
    }

    /// An index that is not from 0 to `count - 1`.
    ///
    /// - Parameters:
    ///   - noun: What it is: "id", "target".
    ///   - position: Where it stands in the tensor of indices.
    ///   - shapes: What the operation was given.
    package static func outOfRange(
        _ noun: String, _ value: Int, at position: [Int], count: Int, _ operation: String, _ shapes: String
    ) -> TensorError {
        let range = count > 0 ? "is not from 0 to \(count - 1)" : "cannot be, for there is none to choose from"
        return TensorError(
            .indexOutOfRange(value: value, position: position, range: 0..<max(count, 0)), operation,
            "\(noun) \(value) at \(position) \(range): \(shapes)")
    }
}

/// The value of `body`; an error that it throws stops the program, with the error's description: here it is a mistake
/// in the program's source, or there is no memory left.
package func trapping<Value>(_ body: () throws(TensorError) -> Value) -> Value {
    do {
        return try body()
    } catch {
        if error.kind == .outOfMemory { MissingMemory.stop(error.description) }
        programmerError(error.description)
    }
}
