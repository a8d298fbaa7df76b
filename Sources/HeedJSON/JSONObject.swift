/// The members of a JSON object, in the order in which they were written.
///
/// A key is its bytes: keys that Unicode calls equivalent but that are written differently are different keys.
/// Equality regards the order.
public struct JSONObject: Sendable {
    /// One key with its value.
    public struct Member: Sendable {
        /// The key.
        public let key: String
        /// Its value.
        public var value: JSONValue
    }

    /// All members, in order.
    public private(set) var members: [Member] = []

    /// Searching few keys one by one beats an index, and costs no memory: most objects have few.
    private static let linearSearchLimit = 8
    private var index: ExactStringIndex?

    /// An object without members.
    public init() {}

    /// How many members there are.
    public var count: Int { members.count }

    /// All keys, in order.
    public var keys: [String] { members.map(\.key) }

    /// Whether there is a member of this key.
    public func contains(_ key: String) -> Bool { position(of: key) != nil }

    /// The value of a key; nil where there is none. Setting a new key appends it, setting nil removes it.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { members[$0].value } }
        set {
            if let position = position(of: key) {
                if let newValue { members[position].value = newValue } else { remove(at: position) }
            } else if let newValue {
                append(key, newValue)
            }
        }
    }

    /// Appends a member; false, and nothing changed, where the key is there already.
    @discardableResult
    public mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        var steps = 0
        return append(key, value, steps: &steps)
    }

    /// As ``append(_:_:)``. Adds to `steps` what the search for the key took.
    mutating func append(_ key: String, _ value: JSONValue, steps: inout Int) -> Bool {
        if index == nil, members.count >= Self.linearSearchLimit { rebuildIndex() }
        if index != nil {
            guard index?.insert(key, steps: &steps) == true else { return false }
        } else {
            steps += members.count
            if position(of: key) != nil { return false }
        }
        members.append(Member(key: key, value: value))
        return true
    }

    private func position(of key: String) -> Int? {
        if let index { return index.position(of: key) }
        return members.firstIndex { ExactStringIndex.same($0.key, key) }
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        if index != nil { rebuildIndex() }
    }

    private mutating func rebuildIndex() {
        var fresh = ExactStringIndex()
        for member in members { fresh.insert(member.key) }
        index = fresh
    }
}

extension JSONObject: Equatable {
    /// The same members in the same order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy {
                ExactStringIndex.same($0.key, $1.key) && $0.value == $1.value
            }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// The members as listed; a key listed twice is a mistake in the program.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements {
            let isNew = append(key, value)
            precondition(isNew, "JSONObject: the key \(JSONText.quoted(key)) is listed twice")
        }
    }
}
