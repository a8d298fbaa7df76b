internal import CKernels

/// The parts of the machine that this process may use.
public struct Machine: Sendable, Equatable {
    /// The processor's own name, or the architecture's.
    public let processor: String
    /// Processors that the operating system has online.
    public let processorsOnline: Int
    /// Processors in the affinity mask of the process.
    public let processorsAllowed: Int
    /// Processors that the control group of the process allows; nil if there is no limit.
    public let cgroupQuota: Double?
    /// The default number of threads: the smaller of the two, rounded down, at least 1.
    public let usableProcessors: Int
    /// The bytes of memory: the machine's, or the limit of the control group if that is smaller.
    public let memoryBytes: Int
}

extension HeedRuntime {
    /// The machine, read again at every call.
    public static var machine: Machine {
        var machine = HeedMachine()
        heed_machine_describe(&machine)
        let processor = withUnsafeBytes(of: machine.processor) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Machine(
            processor: processor,
            processorsOnline: machine.processors_online,
            processorsAllowed: machine.processors_allowed,
            cgroupQuota: machine.cgroup_quota > 0 ? machine.cgroup_quota : nil,
            usableProcessors: machine.usable,
            memoryBytes: machine.memory_bytes)
    }

    /// The rates that ``measurePeak(_:threads:seconds:)`` can measure.
    public enum Peak: Sendable, CaseIterable {
        /// GFLOP/s of float32 multiply-adds in registers; a multiply-add counts 2.
        case multiplyAddFloat32
        /// GFLOP/s of bfloat16 dot products that accumulate in float32.
        case dotProductBFloat16
        /// GB/s (10^9 bytes) read from memory.
        case memoryRead
    }

    /// Measures the rate that the processor reaches with the instruction set in use.
    ///
    /// - Parameters:
    ///   - peak: What to measure.
    ///   - threads: The number of threads; by default the usual number.
    ///   - seconds: The length of the measurement; 0 measures for some 2 ms.
    /// - Returns: The rate of the fastest slice; nil if the instruction set has no such instruction.
    public static func measurePeak(_ peak: Peak, threads: Int? = nil, seconds: Double = 0) -> Double? {
        let kind: HeedPeak
        switch peak {
        case .multiplyAddFloat32: kind = .fmaF32
        case .dotProductBFloat16: kind = .dotBf16
        case .memoryRead: kind = .readMemory
        }
        let threads = threads ?? threadCount
        require(
            threads >= 1 && threads <= maximumThreadCount,
            "measurePeak: \(threads) threads is not from 1 to \(maximumThreadCount)")
        var rate = 0.0
        return heed_peak_measure(kind, threads, seconds, &rate) == .ok ? rate : nil
    }

    /// The scratch memory of the kernels, which is kept from call to call: small blocks by each thread that calls,
    /// large ones (from a mebibyte on) for whichever thread calls next.
    public struct ScratchStatistics: Sendable, Equatable {
        /// The bytes held now, by all threads.
        public let heldBytes: Int
        /// The most that calls needed at one time since the last ``HeedRuntime/resetScratchPeak()``.
        public let peakBytes: Int
        /// How often the system was asked for memory.
        public let allocations: Int
    }

    /// The scratch memory that the kernels hold and have needed.
    public static var scratchStatistics: ScratchStatistics {
        var statistics = HeedScratchStatistics()
        heed_scratch_statistics(&statistics)
        return ScratchStatistics(
            heldBytes: statistics.held_bytes, peakBytes: statistics.peak_bytes, allocations: Int(statistics.allocations)
        )
    }

    /// Starts a new ``ScratchStatistics/peakBytes``.
    public static func resetScratchPeak() { heed_scratch_reset_peak() }

    /// Returns memory to the system: the calling thread's scratch if it is larger than `keeping` bytes, and those
    /// larger blocks that no thread uses.
    public static func trimScratch(keeping: Int = 0) { heed_scratch_trim(max(keeping, 0)) }
}
