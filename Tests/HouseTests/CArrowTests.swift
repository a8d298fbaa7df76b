import Foundation
import Testing

/// Which layer of CKernels may include which: the table of CONTRIBUTING.md.
enum KernelLayers {
    /// Public headers, which all layers include.
    static let specification = "include/heed"
    /// Threads, scratch and the like, which all layers but the specification include.
    static let runtime = "runtime"

    /// What each layer may include besides itself and those two.
    static let below: [String: Set<String>] = [
        specification: [],
        runtime: [],
        "checks": [],
        "reference": ["checks"],
        "table": [],
        "driver": ["checks", "table"],
        "simd": [],
        "template": ["table", "simd"],
    ]

    /// Those files of the table fill it from the templates.
    static func fillsTheTable(_ path: String) -> Bool {
        path.hasPrefix("CKernels/table/kernels_") && path.hasSuffix(".c")
    }

    /// The layer that a path inside CKernels belongs to.
    static func layer(of path: String) -> String? {
        if path.hasPrefix("\(specification)/") { return specification }
        let components = path.components(separatedBy: "/")
        return components.count > 1 && below[components[0]] != nil ? components[0] : nil
    }

    /// What is wrong with an include of a file of CKernels, nil where nothing is.
    static func fault(including name: String, in file: String) -> String? {
        let target = name.hasPrefix("heed/") ? "include/\(name)" : name
        guard Repository.contains("CKernels/\(target)"), let to = layer(of: target) else {
            return "names no layer and file of CKernels"
        }
        let source = String(file.dropFirst("CKernels/".count))
        guard let from = layer(of: source), let below = below[from] else { return "stands in no layer" }
        if from == to {
            // A header of a family's folder is the family's own.
            let families = [source, target].map { $0.components(separatedBy: "/") }
            let isOwn = families[1].count < 3 || families[0][1] == families[1][1]
            return from == "driver" && !isOwn ? "is another family's header" : nil
        }
        if to == specification || (to == runtime && from != specification) || below.contains(to) { return nil }
        if fillsTheTable(file) && ["simd", "template"].contains(to) { return nil }
        return "points from \(from) to \(to)"
    }
}

@Suite("Arrows between the layers of CKernels")
struct CArrowTests {
    private let files = Repository.sources(in: "CKernels", "c", "h")

    /// What stands behind a directive of the preprocessor, nil in other lines.
    private func operand(of directive: String, in line: String) -> String? {
        guard line.utf8.first == UInt8(ascii: "#") || line.utf8.first == UInt8(ascii: " ") else { return nil }
        let words = line.trimmingCharacters(in: .whitespaces)
        guard words.hasPrefix("#") else { return nil }
        let rest = words.dropFirst().trimmingCharacters(in: .whitespaces)
        return rest.hasPrefix(directive) ? rest.dropFirst(directive.count).trimmingCharacters(in: .whitespaces) : nil
    }

    @Test func everyIncludePointsDown() {
        var count = 0
        var faults: [String] = []
        for file in files {
            for line in file.lines {
                guard let include = operand(of: "include", in: line.text) else { continue }
                count += 1
                let name = String(include.dropFirst().prefix { $0 != "\"" && $0 != ">" })
                let isSystem = include.hasPrefix("<") && !name.hasPrefix("heed/")
                if !isSystem, let fault = KernelLayers.fault(including: name, in: file.path) {
                    faults.append("\(file.place(line)) \(fault)")
                }
            }
        }
        #expect(count > 500)
        record(faults)
    }

    @Test func everyFileStandsInALayer() {
        let faults = files.map(\.path).filter { KernelLayers.layer(of: String($0.dropFirst("CKernels/".count))) == nil }
        record(faults)
    }

    @Test func pragmasOfOpenMPStandInOneFile() {
        let faults = files.filter { $0.path != "CKernels/runtime/threads/parallel.c" }.flatMap { file in
            file.lines.filter { line in
                operand(of: "pragma", in: line.text)?.hasPrefix("omp") == true || line.text.contains("_Pragma(\"omp")
            }.map(file.place)
        }
        record(faults)
    }

    /// CONTRIBUTING.md's table gives the same arrows.
    @Test func theTableIsThatOfCONTRIBUTING() throws {
        var rows: [String: Set<String>] = [:]
        for line in try Repository.text(of: "CONTRIBUTING.md").components(separatedBy: "\n") {
            let cells = line.components(separatedBy: "|")
            guard cells.count == 5 else { continue }
            let names = cells.map { cell in
                cell.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }
                    .map { $0.element.replacingOccurrences(of: "/<family>", with: "") }
            }
            guard let name = names[1].first else { continue }
            rows[name] = Set(names[3])
        }
        #expect(rows == KernelLayers.below)
    }
}
