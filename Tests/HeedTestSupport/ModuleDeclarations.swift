import Foundation

/// The names of the types below a folder of the package that are declared as modules: struct, class, enum or extension
/// conforms to `Module` or to a protocol that refines it, as the sources' text says.
public func namesOfModules(below folder: String) throws -> Set<String> {
    let declarations = try conformances(below: "Sources")
    var protocols: Set<String> = ["Module"]
    while let next = declarations.first(where: {
        $0.kind == "protocol" && !protocols.contains($0.name) && !protocols.isDisjoint(with: $0.protocols)
    }) {
        protocols.insert(next.name)
    }
    let types = declarations.filter {
        $0.path.hasPrefix("\(folder)/") && $0.kind != "protocol" && !protocols.isDisjoint(with: $0.protocols)
    }
    return Set(types.map(\.name)).subtracting(protocols)
}

/// The name of a value's type without its generic arguments.
public func nameOfType(of value: Any) -> String {
    String(String(describing: type(of: value)).prefix { $0 != "<" })
}

private struct Conformance {
    let path: String, kind: String, name: String
    let protocols: Set<String>
}

/// All declarations of types and extensions that name what they conform to, on one line or several.
private func conformances(below folder: String) throws -> [Conformance] {
    let kinds: Set<String> = ["struct", "class", "enum", "actor", "protocol", "extension"]
    let root = Fixtures.packageRoot
    let paths =
        FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)?
        .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") } ?? []
    var found: [Conformance] = []
    for path in paths.map({ "\(folder)/\($0)" }).sorted() {
        let lines = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            .components(separatedBy: "\n")
        for index in lines.indices where !lines[index].hasPrefix("//") {
            let words = lines[index].components(separatedBy: " ").filter { !$0.isEmpty }
            guard let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count,
                words[..<kind].allSatisfy({ $0.first?.isLetter == true || $0.first == "@" })
            else { continue }
            // Up to the brace, without generic parameters and what binds them.
            let head = lines[index...].prefix(8).joined(separator: " ").prefix { $0 != "{" }
            let declaration = withoutAngles(head).components(separatedBy: " where ")[0]
            let sides = declaration.components(separatedBy: ":")
            guard sides.count > 1, let name = sides[0].components(separatedBy: " ").last(where: { !$0.isEmpty }) else {
                continue
            }
            let protocols = sides[1].components(separatedBy: CharacterSet(charactersIn: ", &")).filter { !$0.isEmpty }
            found.append(Conformance(path: path, kind: words[kind], name: name, protocols: Set(protocols)))
        }
    }
    return found
}

private func withoutAngles(_ text: Substring) -> String {
    var depth = 0
    return String(
        text.filter { character in
            if character == "<" { depth += 1 }
            if character == ">" { depth -= 1 }
            return depth == 0 && character != ">"
        })
}
