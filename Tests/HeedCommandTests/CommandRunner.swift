import Foundation
import HeedTestSupport

/// The built command `heed`, run as a person would.
struct CommandRunner {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        var outputLines: [Substring] { output.split(separator: "\n") }
        var errorLines: [Substring] { errors.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }

        /// Whether this is how every failure must look: that status, one line on standard error and no usage.
        func isFailure(_ status: Int32) -> Bool {
            self.status == status && errorLines.count == 1 && errors.hasSuffix("\n") && errors.hasPrefix("heed: ")
                && !errors.contains("Usage:") && errors.count > 12
        }

        /// Each line of standard output as a JSON object; nil where one is none.
        var objects: [[String: Any]]? {
            var objects: [[String: Any]] = []
            for line in outputLines {
                guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
                    return nil
                }
                objects.append(object)
            }
            return objects
        }
    }

    /// The command lies beside the program that runs the tests.
    private static let executable: URL = {
        let program =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: program).deletingLastPathComponent().appendingPathComponent("heed")
    }()

    /// Starts `heed` and kills it after so many seconds; whether it had not ended before.
    static func kill(_ arguments: [String], after seconds: Double) throws -> Bool {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        usleep(UInt32(seconds * 1e6))
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal
    }

    /// Starts `heed`, sends it a signal (`INT`, `TERM`) once it has worked for some tenths of a second, and waits for
    /// its end.
    ///
    /// Not by a shell, which has what it leaves in the background ignore `SIGINT`.
    static func interrupt(
        _ arguments: [String], with signal: String, in folder: TemporaryFolder
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        let (output, errors) = (folder.path("interrupted-output"), folder.path("interrupted-errors"))
        for path in [output, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        // The thread of a test may block signals, and what it starts would too.
        var (none, before) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
        // At work is who has used the processor for that long.
        let statistics = "/proc/\(process.processIdentifier)/stat"
        let tick = 1 / Double(sysconf(Int32(_SC_CLK_TCK)))
        for _ in 0..<6000 where process.isRunning {
            let fields = (try? String(contentsOfFile: statistics, encoding: .utf8))?.split(separator: " ") ?? []
            if fields.count > 14, Double(fields[13]).map({ $0 * tick > 0.4 }) == true { break }
            usleep(10_000)
        }
        Foundation.kill(process.processIdentifier, signal == "INT" ? SIGINT : SIGTERM)
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    /// Runs a script of `sh` in `folder`, in which `$HEED` is the command: for streams that are closed, limits and
    /// signals.
    static func shell(_ script: String, in folder: TemporaryFolder) throws -> Outcome {
        try run(
            program: URL(fileURLWithPath: "/bin/sh"), ["-c", "cd '\(folder.path)' || exit 99\n" + script],
            environment: ["HEED": executable.path])
    }

    /// Runs `heed` with these arguments and this text on its standard input; the environment is the present one with
    /// `environment` put in.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) throws -> Outcome {
        try run(program: executable, arguments, environment: environment, input: input)
    }

    private static func run(
        program: URL, _ arguments: [String], environment: [String: String], input: String = ""
    ) throws -> Outcome {
        let folder = try TemporaryFolder()
        let output = folder.path("output")
        let errors = folder.path("errors")
        try Data(input.utf8).write(to: URL(fileURLWithPath: folder.path("input")))
        for path in [output, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        variables["HEED_ISA"] = nil
        process.environment = variables.merging(environment) { $1 }
        process.standardInput = FileHandle(forReadingAtPath: folder.path("input"))
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        return Outcome(
            // A signal must not look like an exit status.
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
}

/// A folder that goes when the value goes.
final class TemporaryFolder {
    private let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("heed-command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var path: String { url.path }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}
