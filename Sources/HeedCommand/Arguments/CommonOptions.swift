import ArgumentParser
import Foundation
import Heed

/// The options that every subcommand takes.
struct CommonOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON object per line on standard output, and nothing else there.")
    var json = false

    @Option(
        whole: 1...HeedRuntime.maximumThreadCount,
        help: "Number of threads, 1 to 256, also above the number of cores. (default: all usable cores)")
    var threads: Int?

    @Option(
        name: .long,
        help: "Instruction set to use, one of this machine's. (default: HEED_ISA, else the best)")
    var isa: String?

    mutating func validate() throws {
        if let isa { try Self.check(instructionSet: isa, source: "--isa") }
        // The engine passes over a table that it cannot use; a person who named one wants to know.
        if let name = ProcessInfo.processInfo.environment["HEED_ISA"], !name.isEmpty {
            try Self.check(instructionSet: name, source: "HEED_ISA")
        }
    }

    /// The options whose value may be the next argument.
    static let namesWithValue = ["--threads", "--isa"]

    /// Makes the engine follow the options. Call it first in `run()`.
    func apply() throws(CommandFailure) {
        do {
            if let isa { try HeedRuntime.select(instructionSetNamed: isa) }
            if let threads { try HeedRuntime.setThreadCount(threads) }
        } catch {
            throw .wrongArguments("\(error)")
        }
    }

    private static func check(instructionSet name: String, source: String) throws {
        let available = HeedRuntime.availableInstructionSets.map(\.name)
        guard available.contains(name) else {
            throw ValidationError(
                "\(source) names the instruction set '\(name)', which this machine cannot run or Heed does not have; "
                    + "there are \(available.joined(separator: ", "))")
        }
    }
}
