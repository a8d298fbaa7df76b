import Foundation
import Heed

/// The memory that the command may take. It is checked before allocating an amount that a flag or a file decides.
package struct MemoryBudget: Sendable {
    /// The memory of the machine, or of its control group if that is less; 0 if the system does not say.
    package let machineBytes: Int
    /// The limit on the process that leaves the least memory; nil if there is none.
    package let limit: ProcessMemory.Limit?

    package init(machineBytes: Int, limit: ProcessMemory.Limit? = nil) {
        self.machineBytes = machineBytes
        self.limit = limit
    }

    /// The present budget.
    package static var now: MemoryBudget {
        MemoryBudget(machineBytes: HeedRuntime.machine.memoryBytes, limit: ProcessMemory.limit)
    }

    /// The smaller of both amounts.
    package var bytes: Int { min(machineBytes, limit?.leftBytes ?? machineBytes) }

    /// Refuses work that needs more bytes than there are, or than `share` of them.
    ///
    /// - Parameters:
    ///   - what: The subject and verb of the message: `these sizes need`.
    ///   - status: The status if the machine's memory is exceeded. If only a limit on the process is exceeded, the work
    ///     fails.
    /// - Throws: ``CommandFailure``, which names the memory needed and the memory available.
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

    /// Makes the command end with one line and status 1 if memory is missing anywhere, and before all of the machine's
    /// memory is used.
    static func guardProcess() {
        let machine = HeedRuntime.machine.memoryBytes
        if machine > 0 { TensorPool.byteLimit = machine }
        MissingMemory.handle { message in Console.endWithoutMemory(message) }
        // If memory is missing for something small, Swift's runtime stops the program and has said so in a line: then
        // no more lines, and no signal.
        if ProcessMemory.isLimited { signal(SIGABRT) { _ in _exit(CommandFailure.Status.workFailed.rawValue) } }
    }
}
