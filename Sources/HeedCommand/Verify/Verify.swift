import ArgumentParser
import Heed

/// `heed verify PATH ...`: replays conformance cases.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replay conformance cases and compare the results with the expected answers.",
        discussion: """
            Prints one line per case, then how many passed, failed and are not supported. A folder is walked in the \
            order of its names. The exit status is 0 if every case passed.
            """
    )

    @Argument(help: "Conformance files, or folders of them.")
    var paths: [String]

    @Flag(help: "Check only outputs, no gradients.")
    var forward = false

    @Flag(help: "Check against the strict bounds that are promised for each operation.")
    var strict = false

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        let replayer = CaseReplayer(forward: forward, strict: strict)
        var tally = VerifyTally()
        for path in paths {
            for found in CaseFinder.cases(under: path) {
                Progress.show(found.path)
                guard let result = replayer.replay(found) else { continue }
                Progress.erase()
                tally.add(result)
                try Console.printLine(common.json ? JSONWriter.string(result.json) : result.text)
            }
        }
        Progress.erase()
        try Console.printLine(common.json ? JSONWriter.string(tally.json) : tally.text)
        try tally.requireAllPassed()
    }
}

/// The number of cases per status.
struct VerifyTally {
    private var counts: [CaseResult.Status: Int] = [:]
    private var firstNotPassed: CaseResult?

    mutating func add(_ result: CaseResult) {
        counts[result.status, default: 0] += 1
        if result.status != .passed, firstNotPassed == nil { firstNotPassed = result }
    }

    private func count(_ status: CaseResult.Status) -> Int { counts[status] ?? 0 }

    var json: JSONValue {
        [
            "passed": JSONValue(count(.passed)), "failed": JSONValue(count(.failed)),
            "unsupported": JSONValue(count(.unsupported)),
        ]
    }

    var text: String {
        "\(count(.passed)) passed, \(count(.failed)) failed, \(count(.unsupported)) unsupported"
    }

    /// Throws one line that says which cases did not pass.
    func requireAllPassed() throws(CommandFailure) {
        let total = counts.values.reduce(0, +)
        guard total > 0 else { throw .workFailed("there is no conformance case under the paths given") }
        guard let first = firstNotPassed else { return }
        let reason = first.reason ?? first.worstDescription ?? first.status.rawValue
        let others = total - count(.passed) - 1
        let more = others == 0 ? "" : " (and \(others) more; \(text))"
        throw .workFailed("\(first.path): \(first.status.rawValue): \(reason)\(more)")
    }
}
