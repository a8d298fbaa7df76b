internal import CKernels

extension HeedStatus {
    /// Throws the error of a kernel, with the shapes that it was given.
    func check(_ operation: String, _ shapes: @autoclosure () -> String) throws(TensorError) {
        let kind: TensorError.Kind
        switch self {
        case .ok: return
        case .badShape, .badStride: kind = .badShape
        case .badArgument: kind = .badArgument
        case .notSupported: kind = .notSupported
        case .outOfMemory: kind = .outOfMemory
        }
        throw TensorError(kind, operation, "\(String(cString: heed_status_description(self))): \(shapes())")
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
