import Heed

/// A number of a preset that `--set KEY=VALUE` changes.
package struct PresetKey: Sendable {
    /// Which values have a meaning.
    package enum Bounds: Sendable {
        /// From here on.
        case from(Double)
        /// From 0 to less than 1.
        case share

        func contain(_ value: Double) -> Bool {
            switch self {
            case .from(let least): value >= least
            case .share: value >= 0 && value < 1
            }
        }
    }

    /// The keys of each preset.
    package static let byPreset = [CharGPTPreset.name: CharGPTPreset.keys, CharLSTMPreset.name: CharLSTMPreset.keys]

    package let name: String
    let standard: Double
    let isInteger: Bool
    let bounds: Bounds
    let help: String

    static func integer(_ name: String, _ standard: Int, from least: Int = 1, _ help: String) -> PresetKey {
        PresetKey(
            name: name, standard: Double(standard), isInteger: true, bounds: .from(Double(least)), help: help)
    }

    static func number(_ name: String, _ standard: Double, in bounds: Bounds = .from(0), _ help: String) -> PresetKey {
        PresetKey(name: name, standard: standard, isInteger: false, bounds: bounds, help: help)
    }

    /// A value as it is written: `12`, `0.001`.
    func text(_ value: Double) -> String { isInteger ? String(Int(value)) : "\(value)" }

    /// Why the key cannot have this value; nil where it can.
    func objection(to value: Double) -> String? {
        guard value.isFinite else { return "\(name) is not a finite number" }
        guard !isInteger || (value == value.rounded() && abs(value) < 0x1p53) else {
            return "\(name) is not an integer below 2^53"
        }
        guard !bounds.contain(value) else { return nil }
        switch bounds {
        case .from(let least): return "\(name) is \(text(value)), not at least \(text(least))"
        case .share: return "\(name) is \(text(value)), not at least 0 and below 1"
        }
    }
}

/// The numbers that a run is made with: those of its preset, some of them changed.
package struct PresetValues: Sendable {
    let keys: [PresetKey]
    private var values: [String: Double]

    package init(_ keys: [PresetKey]) {
        self.keys = keys
        values = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.standard) })
    }

    /// The value of a key of the preset.
    package subscript(name: String) -> Double {
        guard let value = values[name] else { preconditionFailure("PresetValues: the preset has no key \(name)") }
        return value
    }

    /// The value of an integer key of the preset.
    func integer(_ name: String) -> Int { Int(self[name]) }

    /// Takes in what `--set` was given.
    ///
    /// - Throws: ``CommandFailure`` for what is not KEY=VALUE, a key that there is not (naming those there are), or a
    ///   value that is no number or none that the key can have.
    package mutating func set(_ assignments: [String]) throws(CommandFailure) {
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
            guard let value = Double(assignment[assignment.index(after: equals)...]) else {
                throw .wrongArguments("--set \(shown): the value is not \(key.isInteger ? "an integer" : "a number")")
            }
            if let objection = key.objection(to: value) { throw .wrongArguments("--set \(shown): \(objection)") }
            values[name] = value
        }
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
                !key.isInteger || member.value.int != nil
            else {
                throw .workFailed(
                    "config.json: the setting \(JSONText.quoted(member.key)) is none of this preset's, or no number")
            }
            if let objection = key.objection(to: value) { throw .workFailed("config.json: \(objection)") }
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
