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

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .boolean, .uint8, .int8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Whether it is one of the floating-point types.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }
}

/// What a safetensors header says of one tensor.
public struct TensorEntry: Sendable, Equatable {
    /// The name: any text; never a path.
    public let name: String
    /// The type of its elements.
    public let type: TensorElementType
    /// The sizes of its axes, outermost first.
    public let dimensions: [Int]
    /// Where its bytes lie, from the start of the file.
    public internal(set) var byteRange: Range<Int>

    /// How many elements it has.
    public var count: Int { byteRange.count / type.byteCount }
}

/// The text values of a safetensors header, in their order. Keys are bytes: equivalent but differently written ones
/// differ.
public struct SafetensorsMetadata: Sendable, Equatable, Sequence, ExpressibleByDictionaryLiteral {
    /// Keys and values, in order.
    public private(set) var pairs: [(key: String, value: String)] = []
    private var index = ExactStringIndex()

    /// No values.
    public init() {}

    /// Values as listed; of a key that is listed twice, the first.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (key, value) in elements { append(key, value) }
    }

    /// How many values there are.
    public var count: Int { pairs.count }

    /// Whether there are none.
    public var isEmpty: Bool { pairs.isEmpty }

    /// The value of a key, or nil.
    public subscript(key: String) -> String? { index.position(of: key).map { pairs[$0].value } }

    /// Whether there is a value of this key.
    func contains(_ key: String) -> Bool { index.position(of: key) != nil }

    /// Appends a value; false, and nothing changed, where the key is there already.
    @discardableResult
    public mutating func append(_ key: String, _ value: String) -> Bool {
        var steps = 0
        return append(key, value, steps: &steps)
    }

    /// As ``append(_:_:)``. Adds to `steps` what the search for the key took.
    @discardableResult
    mutating func append(_ key: String, _ value: String, steps: inout Int) -> Bool {
        guard index.insert(key, steps: &steps) else { return false }
        pairs.append((key, value))
        return true
    }

    /// Goes through keys and values in their order.
    public func makeIterator() -> IndexingIterator<[(key: String, value: String)]> { pairs.makeIterator() }

    /// The same values in the same order.
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && zip(left.pairs, right.pairs).allSatisfy {
                ExactStringIndex.same($0.key, $1.key) && ExactStringIndex.same($0.value, $1.value)
            }
    }
}
