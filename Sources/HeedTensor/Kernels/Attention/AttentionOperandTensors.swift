internal import CKernels

/// Queries, keys and values in one of the types that attention reads.
enum AttentionOperandTensors: Sendable {
    case float32(queries: Tensor, keys: Tensor, values: Tensor)
    case bfloat16(queries: BFloat16Tensor, keys: BFloat16Tensor, values: BFloat16Tensor)
    case cached(queries: Tensor, cache: KeyValueCache)

    /// Shapes of queries, keys and values, in this order.
    var shapes: (queries: Shape, keys: Shape, values: Shape) {
        switch self {
        case .float32(let queries, let keys, let values): (queries.shape, keys.shape, values.shape)
        case .bfloat16(let queries, let keys, let values): (queries.shape, keys.shape, values.shape)
        case .cached(let queries, let cache): (queries.shape, cache.keyShape, cache.valueShape)
        }
    }

    /// Writes the strides into a descriptor.
    func putStrides(into descriptor: inout HeedAttentionShape) {
        switch self {
        case .float32(let queries, let keys, let values):
            descriptor.query = HeedStrides(queries.layout.strides)
            descriptor.key = HeedStrides(keys.layout.strides)
            descriptor.value = HeedStrides(values.layout.strides)
        case .bfloat16(let queries, let keys, let values):
            descriptor.query = HeedStrides(queries.layout.strides)
            descriptor.key = HeedStrides(keys.layout.strides)
            descriptor.value = HeedStrides(values.layout.strides)
        case .cached(let queries, _):
            descriptor.query = HeedStrides(queries.layout.strides)  // keys and values lie as the cache has them
        }
    }
}
