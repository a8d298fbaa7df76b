/// The kinds of JSON value.
public enum JSONKind: String, Sendable, CustomStringConvertible {
    case null, bool, number, string, array, object

    /// The kind in words, with its article: "an array".
    public var description: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// A JSON value.
public enum JSONValue: Equatable, Sendable {
    /// The value `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number, as it was written.
    case number(JSONNumber)
    /// A string of characters.
    case string(String)
    /// An array of values.
    case array([JSONValue])
    /// An object, its members in order.
    case object(JSONObject)

    /// Makes the number of an integer.
    public init(_ value: some BinaryInteger) { self = .number(JSONNumber(value)) }

    /// Makes a number, or `null` for NaN and infinities, which JSON lacks.
    public init(_ value: Double) { self = JSONNumber(value).map { .number($0) } ?? .null }

    /// The kind of the value.
    public var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Whether the value is `null`.
    public var isNull: Bool { if case .null = self { true } else { false } }

    /// The boolean, or nil for another kind.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The number as written, or nil for another kind.
    public var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }

    /// The string, or nil for another kind.
    public var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The elements, or nil for another kind.
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    /// The members, or nil for another kind.
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The number if it is written as an integer and fits, else nil.
    public var int: Int? { number?.int }

    /// The number as the nearest double, else nil.
    public var double: Double? { number?.double }

    /// The value of a key of an object; nil for another kind or without that key.
    public subscript(key: String) -> JSONValue? { object?[key] }

    /// An element of an array; nil for another kind or beyond the end.
    public subscript(position: Int) -> JSONValue? {
        guard let array, array.indices.contains(position) else { return nil }
        return array[position]
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Makes the value `null`.
    public init(nilLiteral: ()) { self = .null }
    /// Makes a boolean value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Makes the number of an integer.
    public init(integerLiteral value: Int) { self.init(value) }
    /// Makes a string value.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Makes an array of values.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Makes an object. A key must not be listed twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements {
            let isNew = object.append(key, value)
            precondition(isNew, "JSONValue: the key \(JSONText.quoted(key)) is listed twice")
        }
        self = .object(object)
    }
}
