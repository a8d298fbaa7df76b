import HeedJSON
import HeedModels

/// A value of a recipe that `--set KEY=VALUE` changes: a number, or one of some words.
package struct RecipeKey: Sendable {
    /// The values that are allowed.
    package enum Kind: Sendable, Equatable {
        /// All numbers from this one on.
        case from(Double)
        /// Numbers from 0 to less than 1.
        case share
        /// These words. Their values are 0, 1, ...
        case choice([String])
    }

    package let name: String
    package let standard: Double
    package let isInteger: Bool
    package let kind: Kind
    package let help: String

    static func integer(_ name: String, _ standard: Int, from least: Int = 1, _ help: String) -> RecipeKey {
        RecipeKey(name: name, standard: Double(standard), isInteger: true, kind: .from(Double(least)), help: help)
    }

    static func number(_ name: String, _ standard: Double, in kind: Kind = .from(0), _ help: String) -> RecipeKey {
        RecipeKey(name: name, standard: standard, isInteger: false, kind: kind, help: help)
    }

    /// A key with one of these words, the first by default.
    static func choice(_ name: String, _ words: [String], _ help: String) -> RecipeKey {
        RecipeKey(
            name: name, standard: 0, isInteger: true, kind: .choice(words),
            help: "\(help): \(words.joined(separator: ", "))")
    }

    /// The words of a choice; nil for a number.
    package var words: [String]? {
        guard case .choice(let words) = kind else { return nil }
        return words
    }

    /// Returns a value as text: `12`, `0.001`, `word`.
    package func text(_ value: Double) -> String {
        if let words { return words[Int(value)] }
        return isInteger ? String(Int(value)) : "\(value)"
    }

    /// Reads a value from its text.
    ///
    /// - Throws: ``ModelError``, which says what was expected, if the key cannot have it.
    package func value(of text: String) throws(ModelError) -> Double {
        if let words {
            guard let index = words.firstIndex(of: text) else {
                throw ModelError("\(name) is one of \(words.joined(separator: ", "))")
            }
            return Double(index)
        }
        guard let value = Double(text) else {
            throw ModelError("the value is not \(isInteger ? "an integer" : "a number")")
        }
        if let objection = objection(to: value) { throw ModelError(objection) }
        return value
    }

    /// Says why the key cannot have this value; nil if it can.
    package func objection(to value: Double) -> String? {
        guard value.isFinite else { return "\(name) is not a finite number" }
        guard !isInteger || (value == value.rounded() && abs(value) < 0x1p53) else {
            return "\(name) is not an integer below 2^53"
        }
        switch kind {
        case .from(let least): return value >= least ? nil : "\(name) is \(text(value)), not at least \(text(least))"
        case .share: return value >= 0 && value < 1 ? nil : "\(name) is \(text(value)), not at least 0 and below 1"
        case .choice(let words):
            return words.indices.contains(Int(value)) ? nil : "\(name) is one of \(words.joined(separator: ", "))"
        }
    }
}

/// The values that a run is made with: those of its recipe, some of them changed.
package struct RecipeValues: Sendable {
    package let keys: [RecipeKey]
    private var values: [String: Double]

    package init(_ keys: [RecipeKey]) {
        self.keys = keys
        values = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.standard) })
    }

    /// The value of a key of the recipe.
    package subscript(name: String) -> Double {
        get {
            guard let value = values[name] else { preconditionFailure("RecipeValues: the recipe has no key \(name)") }
            return value
        }
        set {
            precondition(values[name] != nil, "RecipeValues: the recipe has no key \(name)")
            values[name] = newValue
        }
    }

    /// The value of an integer key of the recipe.
    package func integer(_ name: String) -> Int { Int(self[name]) }

    /// The word of a key that is a choice.
    package func word(_ name: String) -> String {
        guard let key = keys.first(where: { $0.name == name }), let words = key.words else {
            preconditionFailure("RecipeValues: the recipe has no choice \(name)")
        }
        return words[integer(name)]
    }

    /// Returns the values with some of them changed: `["cell": "gru", "hidden": "128"]`.
    ///
    /// - Precondition: the recipe has the keys, and they may have the values.
    package func setting(_ changes: KeyValuePairs<String, String>) -> RecipeValues {
        var values = self
        for (name, text) in changes {
            guard let key = keys.first(where: { $0.name == name }), let value = try? key.value(of: text) else {
                preconditionFailure("RecipeValues: the recipe has no key \(name) with the value \(text)")
            }
            values[name] = value
        }
        return values
    }

    // MARK: As a file

    /// An object with one member per key.
    package var json: JSONObject {
        var object = JSONObject()
        for key in keys {
            let value = self[key.name]
            if key.words != nil {
                object[key.name] = .string(key.text(value))
            } else {
                object[key.name] = key.isInteger ? JSONValue(Int(value)) : JSONValue(value)
            }
        }
        return object
    }

    /// Reads the values of ``json``. A missing key keeps its default value.
    ///
    /// - Throws: ``ModelError`` for a key that the recipe does not have, or a value that the key cannot have.
    package mutating func read(_ object: JSONObject) throws(ModelError) {
        for member in object.members {
            guard let key = keys.first(where: { $0.name == member.key }), let value = Self.value(member.value, of: key)
            else {
                throw ModelError(
                    "config.json: the setting \(JSONText.quoted(member.key)) is not one of this recipe's, or has a value of another kind"
                )
            }
            if let objection = key.objection(to: value) { throw ModelError("config.json: \(objection)") }
            values[key.name] = value
        }
    }

    private static func value(_ value: JSONValue, of key: RecipeKey) -> Double? {
        if key.words != nil { return value.string.flatMap { try? key.value(of: $0) } }
        return key.isInteger ? value.int.flatMap { _ in value.double } : value.double
    }
}
