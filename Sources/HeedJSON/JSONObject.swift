/// The members of a JSON object, in the order in which they were written.
///
/// Keys are compared by their bytes: keys that Unicode calls equivalent but that are written differently are different
/// keys. Objects are equal if they have the same members in the same order.
public struct JSONObject: Sendable {
    /// One key with its value.
    public struct Member: Sendable {
        /// The key of the member.
        public let key: String
        /// The value of the key.
        public var value: JSONValue
    }

    /// All members, in order.
    public private(set) var members: [Member] = []

    /// With few keys, a search one by one is faster than an index and needs no memory; most objects have few keys.
    private static let linearSearchLimit = 8
    private var index: ExactStringIndex?

    /// Makes an object without members.
    public init() {}

    /// The number of members.
    public var count: Int { members.count }

    /// All keys, in order.
    public var keys: [String] { members.map(\.key) }

    /// Returns whether there is a member with this key.
    public func contains(_ key: String) -> Bool { position(of: key) != nil }

    /// The value of a key; nil if there is none. Setting a new key appends it, setting nil removes it.
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

    /// Appends a member. Returns false, and changes nothing, if the key exists already.
    @discardableResult
    public mutating func append(_ key: String, _ value: JSONValue) -> Bool {
        var steps = 0
        return append(key, value, steps: &steps)
    }

    /// As ``append(_:_:)``. Adds to `steps` the steps of the search for the key.
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
    /// Returns whether both have the same members in the same order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy {
                ExactStringIndex.same($0.key, $1.key) && $0.value == $1.value
            }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object of the members listed. A key must not be listed twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements {
            let isNew = append(key, value)
            precondition(isNew, "JSONObject: the key \(JSONText.quoted(key)) is listed twice")
        }
    }
}
