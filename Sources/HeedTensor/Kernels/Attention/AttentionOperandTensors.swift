internal import CKernels

/// Queries, keys and values: tensors of one element type, or queries over the keys and values of a cache.
enum AttentionOperandTensors: Sendable {
    case tensors(queries: FloatingTensor, keys: FloatingTensor, values: FloatingTensor)
    /// The queries are `Float`, whatever the type of the cache.
    case cached(queries: FloatingTensor, cache: KeyValueCache)

    var queries: FloatingTensor {
        switch self {
        case .tensors(let queries, _, _), .cached(let queries, _): queries
        }
    }

    /// Whether they are tensors of `Float`, the type that the naive and the materialised algorithm and every gradient
    /// take.
    var areFloatTensors: Bool {
        if case .tensors = self { queries.element == .float32 } else { false }
    }

    /// Shapes of queries, keys and values, in this order.
    var shapes: (queries: Shape, keys: Shape, values: Shape) {
        switch self {
        case .tensors(let queries, let keys, let values): (queries.shape, keys.shape, values.shape)
        case .cached(let queries, let cache): (queries.shape, cache.keyShape, cache.valueShape)
        }
    }

    /// Addresses of queries, keys and values, valid while they are alive; keys and values of a cache have none.
    var addresses: (queries: UnsafeRawPointer, keys: UnsafeRawPointer?, values: UnsafeRawPointer?) {
        switch self {
        case .tensors(let queries, let keys, let values):
            (queries.firstElement, keys.firstElement, values.firstElement)
        case .cached(let queries, _): (queries.firstElement, nil, nil)
        }
    }

    /// Writes the element type and the strides into a descriptor.
    func describe(in descriptor: inout HeedAttentionShape) {
        descriptor.element = queries.element.kernel
        descriptor.query = HeedAttentionStrides(queries.strides)
        if case .tensors(_, let keys, let values) = self {
            descriptor.key = HeedAttentionStrides(keys.strides)
            descriptor.value = HeedAttentionStrides(values.strides)
        }
    }

    /// The same numbers, exactly, as `Float`; itself if they are `Float`. A cache stays as it is.
    var widened: AttentionOperandTensors {
        guard case .tensors(let queries, let keys, let values) = self else { return self }
        return .tensors(queries: queries.widened, keys: keys.widened, values: values.widened)
    }
}
