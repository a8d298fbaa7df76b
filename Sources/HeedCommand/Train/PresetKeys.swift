import Heed

/// A number of a preset that `--set KEY=VALUE` changes.
struct PresetKey: Sendable {
    let name: String
    let standard: Double
    let isInteger: Bool
    let help: String

    static func integer(_ name: String, _ standard: Int, _ help: String) -> PresetKey {
        PresetKey(name: name, standard: Double(standard), isInteger: true, help: help)
    }

    static func number(_ name: String, _ standard: Double, _ help: String) -> PresetKey {
        PresetKey(name: name, standard: standard, isInteger: false, help: help)
    }

    /// A value as it is written: `12`, `0.001`.
    func text(_ value: Double) -> String { isInteger ? String(Int(value)) : "\(value)" }
}

/// The numbers that a run is made with: those of its preset, some of them changed.
struct PresetValues: Sendable {
    let keys: [PresetKey]
    private var values: [String: Double]

    init(_ keys: [PresetKey]) {
        self.keys = keys
        values = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.standard) })
    }

    /// The value of a key of the preset.
    subscript(name: String) -> Double {
        guard let value = values[name] else { preconditionFailure("PresetValues: the preset has no key \(name)") }
        return value
    }

    /// The value of an integer key of the preset.
    func integer(_ name: String) -> Int { Int(self[name]) }

    /// Takes in what `--set` was given.
    ///
    /// - Throws: ``CommandFailure`` for what is not KEY=VALUE, a key that there is not (naming those there are), or a value that is no number.
    mutating func set(_ assignments: [String]) throws(CommandFailure) {
        for assignment in assignments {
            let shown = JSONText.quoted(assignment)
            guard let equals = assignment.firstIndex(of: "=") else {
                throw .wrongArguments("--set \(shown) is not of the form KEY=VALUE")
            }
            let name = String(assignment[..<equals])
            guard let key = keys.first(where: { $0.name == name }) else {
                throw .wrongArguments(
                    "--set \(shown): there is no such key; there are \(keys.map(\.name).joined(separator: ", "))")
            }
            values[name] = try Self.number(assignment[assignment.index(after: equals)...], key, shown)
        }
    }

    private static func number(_ text: Substring, _ key: PresetKey, _ shown: String) throws(CommandFailure) -> Double {
        let kind = key.isInteger ? "an integer" : "a number"
        guard let value = Double(text), value.isFinite else {
            throw .wrongArguments("--set \(shown): the value is not \(kind)")
        }
        guard !key.isInteger || (value == value.rounded() && abs(value) < 0x1p53) else {
            throw .wrongArguments("--set \(shown): the value is not an integer")
        }
        return value
    }

    // MARK: As a file

    var json: JSONObject {
        var object = JSONObject()
        for key in keys {
            object[key.name] = key.isInteger ? JSONValue(integer(key.name)) : JSONValue(self[key.name])
        }
        return object
    }

    /// Takes in what ``json`` gave.
    mutating func read(_ object: JSONObject) throws(CommandFailure) {
        for member in object.members {
            guard let key = keys.first(where: { $0.name == member.key }), let value = member.value.double,
                value.isFinite, !key.isInteger || (member.value.int != nil && abs(value) < 0x1p53)
            else {
                throw .workFailed(
                    "config.json: the setting \(JSONText.quoted(member.key)) is none of this preset's, or no number")
            }
            values[key.name] = value
        }
    }

    /// The lines of the help: names, standard values and what they are.
    static func help(_ keys: [PresetKey]) -> String {
        let names = keys.map { "\($0.name)=\($0.text($0.standard))" }
        let width = names.map(\.count).max() ?? 0
        return zip(names, keys).map { name, key in
            "  \(name)\(String(repeating: " ", count: width - name.count))  \(key.help)"
        }.joined(separator: "\n")
    }
}
