import HeedJSON

/// A number of a preset that `--set KEY=VALUE` changes.
package struct PresetKey: Sendable {
    /// The values that are allowed.
    package enum Bounds: Sendable {
        /// All values from this one on.
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
    package static let byPreset = Dictionary(uniqueKeysWithValues: ModelPresets.all.map { ($0.name, $0.keys) })

    package let name: String
    package let standard: Double
    package let isInteger: Bool
    let bounds: Bounds
    package let help: String

    static func integer(_ name: String, _ standard: Int, from least: Int = 1, _ help: String) -> PresetKey {
        PresetKey(
            name: name, standard: Double(standard), isInteger: true, bounds: .from(Double(least)), help: help)
    }

    static func number(_ name: String, _ standard: Double, in bounds: Bounds = .from(0), _ help: String) -> PresetKey {
        PresetKey(name: name, standard: standard, isInteger: false, bounds: bounds, help: help)
    }

    /// Returns a value as text: `12`, `0.001`.
    package func text(_ value: Double) -> String { isInteger ? String(Int(value)) : "\(value)" }

    /// Says why the key cannot have this value; nil if it can.
    package func objection(to value: Double) -> String? {
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
    package let keys: [PresetKey]
    private var values: [String: Double]

    package init(_ keys: [PresetKey]) {
        self.keys = keys
        values = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.standard) })
    }

    /// The value of a key of the preset.
    package subscript(name: String) -> Double {
        get {
            guard let value = values[name] else { preconditionFailure("PresetValues: the preset has no key \(name)") }
            return value
        }
        set {
            precondition(values[name] != nil, "PresetValues: the preset has no key \(name)")
            values[name] = newValue
        }
    }

    /// The value of an integer key of the preset.
    package func integer(_ name: String) -> Int { Int(self[name]) }

    // MARK: As a file

    /// An object with one member per key.
    package var json: JSONObject {
        var object = JSONObject()
        for key in keys {
            object[key.name] = key.isInteger ? JSONValue(integer(key.name)) : JSONValue(self[key.name])
        }
        return object
    }

    /// Reads the values of ``json``. A missing key keeps its default value.
    ///
    /// - Throws: ``ModelError`` for a key that the preset does not have, or a value that the key cannot have.
    package mutating func read(_ object: JSONObject) throws(ModelError) {
        for member in object.members {
            guard let key = keys.first(where: { $0.name == member.key }), let value = member.value.double,
                !key.isInteger || member.value.int != nil
            else {
                throw ModelError(
                    "config.json: the setting \(JSONText.quoted(member.key)) is not one of this preset's, or not a number"
                )
            }
            if let objection = key.objection(to: value) { throw ModelError("config.json: \(objection)") }
            values[key.name] = value
        }
    }
}
