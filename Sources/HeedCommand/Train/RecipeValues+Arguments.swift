import Heed

extension RecipeValues {
    /// Sets the values that `--set` gives.
    ///
    /// - Throws: ``CommandFailure`` for an argument that is not KEY=VALUE, for an unknown key (it names the known
    ///   ones), and for a value that is not a number or not allowed.
    package mutating func set(_ assignments: [String]) throws(CommandFailure) {
        for assignment in assignments {
            let shown = JSONText.quoted(assignment)
            guard let equals = assignment.firstIndex(of: "=") else {
                throw .wrongArguments("--set \(shown) is not of the form KEY=VALUE")
            }
            let name = String(assignment[..<equals])
            guard let key = keys.first(where: { $0.name == name }) else {
                let names = keys.map(\.name)
                let nearest = Nearest.name(to: name, among: names).map { ", did you mean \($0)?" } ?? "."
                throw .wrongArguments(
                    "--set \(shown): there is no such key\(nearest) The keys are \(names.joined(separator: ", "))")
            }
            let value: Double
            do { value = try key.value(of: String(assignment[assignment.index(after: equals)...])) } catch {
                throw .wrongArguments("--set \(shown): \(error)")
            }
            self[name] = value
        }
    }

    /// Returns the lines of the help: names, default values and descriptions.
    static func help(_ keys: [RecipeKey]) -> String {
        let names = keys.map { "\($0.name)=\($0.text($0.standard))" }
        let width = names.map(\.count).max() ?? 0
        return zip(names, keys).map { name, key in
            "  \(name)\(String(repeating: " ", count: width - name.count))  \(key.help)"
        }.joined(separator: "\n")
    }
}
