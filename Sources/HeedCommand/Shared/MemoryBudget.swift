import Foundation
import Heed

/// How much memory the command may take, asked before it takes what a flag or a file decides.
package struct MemoryBudget: Sendable {
    /// Of the machine, or of its control group where that is less; 0 where the system does not tell.
    package let machineBytes: Int
    /// What the limit on the process that leaves least leaves; nil without one.
    package let limit: ProcessMemory.Limit?

    package init(machineBytes: Int, limit: ProcessMemory.Limit? = nil) {
        self.machineBytes = machineBytes
        self.limit = limit
    }

    /// What there is now.
    package static var now: MemoryBudget {
        MemoryBudget(machineBytes: HeedRuntime.machine.memoryBytes, limit: ProcessMemory.limit)
    }

    /// The lesser of both.
    package var bytes: Int { min(machineBytes, limit?.leftBytes ?? machineBytes) }

    /// Refuses what needs more bytes than there are, or than `share` of them.
    ///
    /// - Parameters:
    ///   - what: What needs them, with its verb: `these sizes need`.
    ///   - status: Of what is beyond the machine. What is beyond a limit on the process alone is work that fails.
    /// - Throws: ``CommandFailure`` with what is needed and what there is.
    package func require(
        _ bytes: Double, share: Double = 1, _ what: String, status: CommandFailure.Status = .wrongArguments
    ) throws(CommandFailure) {
        if let limit, bytes > Double(limit.leftBytes) {
            throw .workFailed(
                "\(what) \(Units.bytes(bytes)) of memory at the least, and the limit of the process (\(limit.name)) leaves "
                    + Units.bytes(Double(limit.leftBytes)))
        }
        guard bytes > Double(machineBytes) * share, machineBytes > 0 else { return }
        let part = share == 0.75 ? "more than three quarters of the" : "and there are"
        throw CommandFailure(
            status, "\(what) \(Units.bytes(bytes)) of memory at the least, \(part) \(Units.bytes(Double(machineBytes)))"
        )
    }

    /// Has the command end with one line and status 1 wherever memory cannot be had, and before the machine's is all
    /// taken.
    static func guardProcess() {
        let machine = HeedRuntime.machine.memoryBytes
        if machine > 0 { TensorPool.byteLimit = machine }
        MissingMemory.handle { message in Console.endWithoutMemory(message) }
        // What small things cannot get stops the program in Swift's runtime, which has said so in a line by then: no
        // more lines, and no signal.
        if ProcessMemory.isLimited { signal(SIGABRT) { _ in _exit(CommandFailure.Status.workFailed.rawValue) } }
    }
}
