import Foundation
import Heed

/// The machine and settings of a measurement.
package struct Surroundings: Sendable {
    package let threads: Int
    package let instructionSet: String
    package let processor: String
    package let version: String
    /// The memory of the machine, or the memory that a limit on the process leaves if that is less.
    package let memoryBytes: Int
    /// The number of processors that may be used.
    package let processors: Int
    /// The load before the measurement; see ``MachineLoad``.
    package let load: Double?
    /// When the measurement began.
    package let date: Date

    /// This machine and the engine's present settings.
    package static var current: Surroundings {
        let machine = HeedRuntime.machine
        return Surroundings(
            threads: HeedRuntime.threadCount, instructionSet: HeedRuntime.instructionSet.name,
            processor: machine.processor, version: HeedRuntime.version, memoryBytes: MemoryBudget.now.bytes,
            processors: machine.usableProcessors, load: MachineLoad.now, date: Date())
    }

    package init(
        threads: Int, instructionSet: String, processor: String, version: String, memoryBytes: Int,
        processors: Int, load: Double?, date: Date
    ) {
        self.threads = threads
        self.instructionSet = instructionSet
        self.processor = processor
        self.version = version
        self.memoryBytes = memoryBytes
        self.processors = processors
        self.load = load
        self.date = date
    }

    /// One line, e.g. `AMD EPYC, avx512, 2 threads`.
    package var description: String {
        "\(processor), \(instructionSet), \(threads) \(threads == 1 ? "thread" : "threads")"
    }

    /// Returns whether the machine was busy during these measurements. Those of a group have the same yardstick.
    func busyness(_ groups: [Stopwatch.Timing]...) -> Busyness {
        Busyness(load: load, processors: processors, groups: groups)
    }

    /// A line of a benchmark: the members of `line`, followed by those that every line has.
    ///
    /// - Parameter groups: The measurements that the line tells of, for whether the machine was busy. Those of a group
    ///   have the same yardstick.
    func completing(_ line: JSONObject, _ groups: [Stopwatch.Timing]...) -> JSONValue {
        var line = line
        line.append("threads", JSONValue(threads))
        line.append("isa", .string(instructionSet))
        line.append("cpu", .string(processor))
        line.append("version", .string(version))
        line.append("load", load.map { JSONValue($0) } ?? .null)
        line.append("busy", .bool(Busyness(load: load, processors: processors, groups: groups).isBusy))
        return .object(line)
    }
}
