import HeedJSON

/// The element types of safetensors that are read. Sub-byte and 8-bit floating types, and complex ones, are refused.
public enum TensorElementType: String, Sendable, CaseIterable {
    // In the order of the format's own list, by which writers sort tensors: the last first.
    case boolean = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// The types that models keep their weights in. A `Float` holds each of their values exactly.
    public static let weightTypes: [TensorElementType] = [.float32, .float16, .bfloat16]

    /// The bytes of one element.
    public var byteCount: Int {
        switch self {
        case .boolean, .uint8, .int8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Whether the type is a floating-point type.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }
}

/// The entry of one tensor in a safetensors header.
public struct TensorEntry: Sendable, Equatable {
    /// The tensor's name: any text, never a path.
    public let name: String
    /// The type of the tensor's elements.
    public let type: TensorElementType
    /// The sizes of the tensor's axes, outermost first.
    public let dimensions: [Int]
    /// The range of the tensor's bytes, from the start of the file.
    public internal(set) var byteRange: Range<Int>

    /// The number of elements of the tensor.
    public var count: Int { byteRange.count / type.byteCount }
}

/// The text values of a safetensors header, in their order. Keys are bytes: equivalent but differently written ones
/// differ.
public struct SafetensorsMetadata: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
    /// The keys and values, in order.
    public private(set) var pairs: [(key: String, value: String)] = []
    private var index = ExactStringIndex()

    /// Makes metadata without values.
    public init() {}

    /// Makes metadata of the values listed. If a key is listed twice, the first value counts.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (key, value) in elements { append(key, value) }
    }

    /// The number of values.
    public var count: Int { pairs.count }

    /// Whether there are none.
    public var isEmpty: Bool { pairs.isEmpty }

    /// The value of a key, or nil if there is none.
    public subscript(key: String) -> String? { index.position(of: key).map { pairs[$0].value } }

    /// Returns whether there is a value of this key.
    func contains(_ key: String) -> Bool { index.position(of: key) != nil }

    /// Appends a value. Returns false, and changes nothing, if the key exists already.
    @discardableResult
    public mutating func append(_ key: String, _ value: String) -> Bool {
        var steps = 0
        return append(key, value, steps: &steps)
    }

    /// As ``append(_:_:)``. Adds to `steps` the steps of the search for the key.
    @discardableResult
    mutating func append(_ key: String, _ value: String, steps: inout Int) -> Bool {
        guard index.insert(key, steps: &steps) else { return false }
        pairs.append((key, value))
        return true
    }

    /// Iterates over keys and values in their order.
    public func makeIterator() -> IndexingIterator<[(key: String, value: String)]> { pairs.makeIterator() }

    /// Returns whether both hold the same values in the same order.
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && zip(left.pairs, right.pairs).allSatisfy {
                ExactStringIndex.same($0.key, $1.key) && ExactStringIndex.same($0.value, $1.value)
            }
    }
}
