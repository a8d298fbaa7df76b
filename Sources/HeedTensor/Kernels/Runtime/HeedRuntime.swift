internal import CKernels

/// The engine's view of this machine, and its settings: instruction set, threads, memory.
public enum HeedRuntime {
    /// The version of Heed.
    public static let version = "0.2.0"

    // MARK: Instruction sets

    /// The instruction set whose kernels are in use. It is chosen once: the best one that the machine can run, unless
    /// the environment variable `HEED_ISA` names another.
    public static var instructionSet: InstructionSet { InstructionSet(heed_isa_current()) }

    /// The instruction sets that this machine can run, the plainest first.
    public static var availableInstructionSets: [InstructionSet] { InstructionSet.all.filter(\.isAvailable) }

    /// Uses the kernels of another instruction set from now on, for every thread.
    ///
    /// - Throws: ``TensorError`` if there is none of that name, or this machine cannot run it.
    public static func select(instructionSetNamed name: String) throws(TensorError) {
        var isa = HeedISA.generic
        guard heed_isa_named(name, &isa) else {
            throw TensorError(
                .badArgument, "HeedRuntime.select",
                "there is no instruction set \"\(name)\"; there are \(InstructionSet.all.map(\.name).joined(separator: ", "))"
            )
        }
        try heed_isa_select(isa).check("HeedRuntime.select", "this machine cannot run \"\(name)\"")
    }

    // MARK: Threads

    /// The most threads that ``setThreadCount(_:)`` takes.
    public static let maximumThreadCount = Int(HEED_THREADS_MAX)

    /// The number of threads that a parallel kernel uses: the number that was set; else `OMP_NUM_THREADS`, if it is a
    /// valid number; else the number of cores that the process may use.
    public static var threadCount: Int { heed_thread_count() }

    /// Sets the number of threads for every later call; nil returns to the default. A count above the number of cores
    /// is honoured. Results have the same bits for every count.
    ///
    /// - Throws: ``TensorError`` for a count below 1 or above ``maximumThreadCount``.
    public static func setThreadCount(_ count: Int?) throws(TensorError) {
        if let count, count < 1 || count > maximumThreadCount {
            throw TensorError(
                .badArgument, "HeedRuntime.setThreadCount", "\(count) is not from 1 to \(maximumThreadCount)")
        }
        try heed_thread_count_set(count ?? 0).check("HeedRuntime.setThreadCount", "\(count ?? 0)")
    }

    // MARK: Libraries

    /// The OpenMP runtime, or "none" if the package was built without the trait.
    public static var openMP: String { String(cString: heed_openmp_description()) }

    /// The OpenBLAS that was found, with the kernels it chose; nil if the package was built without the trait or the
    /// machine has none.
    public static var openBLAS: String? { heed_openblas_description().map { String(cString: $0) } }

    /// Whether the package was built with optimisation ("release") or not ("debug"). The kernels are optimised in both.
    public static var buildMode: String {
        #if DEBUG
        "debug"
        #else
        "release"
        #endif
    }
}

/// A set of vector instructions that kernels were compiled for.
public struct InstructionSet: Sendable, Hashable, CustomStringConvertible {
    let isa: HeedISA

    init(_ isa: HeedISA) { self.isa = isa }

    /// All instruction sets for which the engine has kernels, on any architecture, the plainest first.
    public static var all: [InstructionSet] {
        (0..<UInt32(HEED_ISA_COUNT)).compactMap { HeedISA(rawValue: $0) }.map { InstructionSet($0) }
    }

    /// The name that `HEED_ISA` and ``HeedRuntime/select(instructionSetNamed:)`` take: "generic", "avx512".
    public var name: String { String(cString: heed_isa_name(isa)) }

    /// Whether this processor and its operating system can run it.
    public var isAvailable: Bool { heed_isa_available(isa) }

    /// The ``name`` of the instruction set.
    public var description: String { name }
}
