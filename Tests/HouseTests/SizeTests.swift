import Foundation
import Testing

@Suite("Sizes of files and folders")
struct SizeTests {
    @Test func aFileHas400LinesAtMost() {
        let faults = Repository.sources.filter { $0.lines.count > 400 }.map { "\($0.path): \($0.lines.count) lines" }
        #expect(Repository.sources.count > 600)
        record(faults)
    }

    /// Except data of fixtures, which nobody looks for by name.
    @Test func aFolderHolds25FilesAtMost() {
        let paths = Repository.paths.filter { !$0.hasPrefix("Tests/Fixtures/") }
        let counts = Dictionary(grouping: paths) { path in
            path.components(separatedBy: "/").dropLast().joined(separator: "/")
        }.mapValues(\.count)
        let faults = counts.filter { $0.value > 25 }.map { "\($0.key): \($0.value) files" }.sorted()
        record(faults)
    }
}
