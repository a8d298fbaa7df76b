import Heed

/// The machine and settings of a measurement.
package struct Surroundings: Sendable {
    package let threads: Int
    package let instructionSet: String
    package let processor: String
    package let version: String
    /// The memory of the machine, or the memory that a limit on the process leaves if that is less.
    package let memoryBytes: Int

    /// This machine and the engine's present settings.
    package static var current: Surroundings {
        let machine = HeedRuntime.machine
        return Surroundings(
            threads: HeedRuntime.threadCount, instructionSet: HeedRuntime.instructionSet.name,
            processor: machine.processor, version: HeedRuntime.version, memoryBytes: MemoryBudget.now.bytes)
    }

    package init(threads: Int, instructionSet: String, processor: String, version: String, memoryBytes: Int) {
        self.threads = threads
        self.instructionSet = instructionSet
        self.processor = processor
        self.version = version
        self.memoryBytes = memoryBytes
    }

    /// One line, e.g. `AMD EPYC, avx512, 2 threads`.
    package var description: String {
        "\(processor), \(instructionSet), \(threads) \(threads == 1 ? "thread" : "threads")"
    }

    /// Returns a line of a benchmark: the members of `line`, and those that every line ends with.
    package func completing(_ line: JSONObject) -> JSONValue {
        var line = line
        line.append("threads", JSONValue(threads))
        line.append("isa", .string(instructionSet))
        line.append("cpu", .string(processor))
        line.append("version", .string(version))
        return .object(line)
    }
}
