import Foundation
import Heed

/// OpenBLAS in its own process, with kernels of our choice: they can be chosen only in the environment, before it is
/// loaded.
///
/// The process answers on its standard output: first with the name of its kernels, then to each number on its standard
/// input with the seconds of one product, averaged over that many.
final class OpenBLASProcess {
    /// The library and its kernels, e.g. `OpenBLAS 0.3.21 (SkylakeX)`.
    let kernels: String
    private let process = Process()
    private let questions = Pipe()
    private let answers = Pipe()

    /// Starts the process. `coreType` is the value of OPENBLAS_CORETYPE; nil leaves it unchanged.
    private init(_ problem: GemmProblem, threads: Int, coreType: String?) throws(CommandFailure) {
        process.executableURL = Self.executable
        process.arguments = [
            "bench", OpenBLASWorker.configuration.commandName ?? "", "--m", "\(problem.m)", "--n", "\(problem.n)",
            "--k",
            "\(problem.k)", "--threads", "\(threads)",
        ]
        if let coreType {
            process.environment = ProcessInfo.processInfo.environment.merging(["OPENBLAS_CORETYPE": coreType]) { $1 }
        }
        process.standardInput = questions
        process.standardOutput = answers
        // It warns there of kernels that it does not have.
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch {
            throw .workFailed("the process for OpenBLAS could not be started: \(error.localizedDescription)")
        }
        kernels = try Self.readLine(answers.fileHandleForReading)
    }

    deinit {
        // The end of its input is the end of the process.
        try? questions.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// The process whose kernels took the least time in a trial of those that this processor can run.
    static func fastest(_ problem: GemmProblem, threads: Int) throws(CommandFailure) -> OpenBLASProcess {
        var candidates: [(process: OpenBLASProcess, runs: Int, seconds: Double)] = []
        for coreType in coreTypes {
            let process = try OpenBLASProcess(problem, threads: threads, coreType: coreType)
            // Instead of kernels that it does not have, OpenBLAS takes others, maybe some of these.
            if candidates.contains(where: { $0.process.kernels == process.kernels }) { continue }
            // The first product allocates scratch; the second shows how long a product takes.
            _ = try process.time(1)
            candidates.append((process, Stopwatch.runsPerTurn(ofSeconds: try process.time(1)), .infinity))
        }
        for _ in 0..<trials {
            for index in candidates.indices {
                let seconds = try candidates[index].process.time(candidates[index].runs)
                candidates[index].seconds = min(candidates[index].seconds, seconds)
            }
        }
        guard let best = candidates.min(by: { $0.seconds < $1.seconds }) else {
            throw .workFailed("no process for OpenBLAS could be started")
        }
        return best.process
    }

    /// The number of turns of each kernel. The fastest turn decides.
    private static let trials = 5

    /// The values of OPENBLAS_CORETYPE for this processor; nil for OpenBLAS's own choice.
    private static var coreTypes: [String?] {
        let sets = Set(HeedRuntime.availableInstructionSets.map(\.name))
        var types: [String?] = [nil]
        if sets.contains("avx512") { types.append("SkylakeX") }
        if sets.contains("avx2") { types.append("Haswell") }
        return types
    }

    /// Returns the seconds of one product, averaged over `runs` products.
    func time(_ runs: Int) throws(CommandFailure) -> Double {
        // A process that has ended should be reported, and not end this one with a signal.
        let handler = signal(SIGPIPE, SIG_IGN)
        defer { _ = signal(SIGPIPE, handler) }
        do { try questions.fileHandleForWriting.write(contentsOf: Data("\(runs)\n".utf8)) } catch { throw Self.isGone }
        guard let seconds = Double(try Self.readLine(answers.fileHandleForReading)) else { throw Self.isGone }
        return seconds
    }

    private static let isGone = CommandFailure.workFailed("the process that measures OpenBLAS ended")

    private static func readLine(_ handle: FileHandle) throws(CommandFailure) -> String {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            guard let byte = try? handle.read(upToCount: 1)?.first else { throw isGone }
            line.append(byte)
        }
        return String(decoding: line.dropLast(), as: UTF8.self)
    }

    /// The file of this program.
    private static var executable: URL? {
        let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return running.map { URL(fileURLWithPath: $0) } ?? Bundle.main.executableURL
    }
}
