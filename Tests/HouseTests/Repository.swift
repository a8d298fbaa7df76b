import Foundation
import Testing

/// A file of this repository, as text.
struct SourceFile: Sendable {
    struct Line: Sendable {
        let number: Int
        let text: String
    }

    /// From the repository's root.
    let path: String
    let lines: [Line]

    /// Byte by byte: tests are built without optimisation, and a search by characters would take seconds.
    init(path: String) throws {
        self.path = path
        let data = try Data(contentsOf: Repository.root.appendingPathComponent(path))
        lines = data.withUnsafeBytes { bytes in
            var lines: [Line] = []
            var begin = 0
            while begin < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[begin...])
                let end =
                    memchr(rest.baseAddress!, 10, rest.count).map { rest.baseAddress!.distance(to: $0) } ?? rest.count
                let line = String(decoding: UnsafeRawBufferPointer(rebasing: rest[..<end]), as: UTF8.self)
                lines.append(Line(number: lines.count + 1, text: line))
                begin += end + 1
            }
            return lines
        }
    }

    var isC: Bool { path.hasSuffix(".c") || path.hasSuffix(".h") }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// Where a line stands and what it says, for a fault's message.
    func place(_ line: Line) -> String { "\(path):\(line.number): \(line.text)" }
}

/// The repository that this test was built from.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The folders that hold sources.
    static let folders = ["Benchmarks", "CKernels", "Examples", "Sources", "Tests"]

    /// The paths of all files in those folders, sorted; what builds and programs leave there is passed over.
    static let paths: [String] = folders.flatMap { folder in
        let below = FileManager.default.enumerator(
            at: root.appendingPathComponent(folder), includingPropertiesForKeys: [.isRegularFileKey],
            options: .skipsHiddenFiles)
        return (below?.compactMap { $0 as? URL } ?? [])
            .filter { (try? $0.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true }
            .map { String($0.path.dropFirst(root.path.count + 1)) }
            .filter { !$0.contains("/__pycache__/") }
    }.sorted()

    /// Every source file, read once.
    static let sources: [SourceFile] =
        paths
        .filter { path in ["c", "h", "py", "swift"].contains { path.hasSuffix(".\($0)") } }
        .compactMap { try? SourceFile(path: $0) }

    /// The sources in a folder whose names have one of these endings.
    static func sources(in folder: String, _ endings: String...) -> [SourceFile] {
        sources.filter { file in file.path.hasPrefix("\(folder)/") && endings.contains { file.path.hasSuffix(".\($0)") }
        }
    }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    static func contains(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }
}

/// One issue for each fault.
func record(_ faults: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    for fault in faults { Issue.record("\(fault)", sourceLocation: sourceLocation) }
}
