import ArgumentParser
import Foundation
import Heed

/// `heed doctor`: shows what the engine found on the machine, and its settings.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the engine found on this machine, and its settings.",
        discussion: "Peaks are measured while you wait, for about a second."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        Progress.show("measuring peaks ...")
        let findings = DoctorFindings()
        Progress.erase()
        if common.json {
            try Console.printLine(JSONWriter.string(findings.json))
        } else {
            for line in findings.lines { try Console.printLine(line) }
        }
    }
}

/// What `doctor` reports.
struct DoctorFindings {
    private let machine = HeedRuntime.machine
    private let instructionSet = HeedRuntime.instructionSet.name
    private let available = HeedRuntime.availableInstructionSets.map(\.name)
    private let threads = HeedRuntime.threadCount
    private let openMP = HeedRuntime.openMP
    private let openBLAS = HeedRuntime.openBLAS
    private let affinity = Affinity.processors
    private let peakOneThread: Double?
    private let peak: Double?
    private let peakBFloat16: Double?
    private let readRate: Double?

    /// Long enough that the clock has settled, short enough to wait for.
    private static let secondsPerPeak = 0.15

    init() {
        func measured(_ peak: HeedRuntime.Peak, threads: Int) -> Double? {
            HeedRuntime.measurePeak(peak, threads: threads, seconds: Self.secondsPerPeak)
        }
        peakOneThread = measured(.multiplyAddFloat32, threads: 1)
        peak = measured(.multiplyAddFloat32, threads: threads)
        peakBFloat16 = measured(.dotProductBFloat16, threads: threads)
        readRate = measured(.memoryRead, threads: threads)
    }

    var json: JSONValue {
        [
            "version": .string(HeedRuntime.version),
            "build_mode": .string(HeedRuntime.buildMode),
            "cpu": .string(machine.processor),
            "isa": .string(instructionSet),
            "isa_available": .array(available.map { .string($0) }),
            "cores_online": JSONValue(machine.processorsOnline),
            "cores_allowed": JSONValue(machine.processorsAllowed),
            "affinity": .string(affinity),
            "cgroup_quota": machine.cgroupQuota.map { JSONValue($0) } ?? .null,
            "cores_usable": JSONValue(machine.usableProcessors),
            "threads": JSONValue(threads),
            "memory_bytes": JSONValue(machine.memoryBytes),
            "openmp": .string(openMP),
            "openblas": openBLAS.map { .string($0) } ?? .null,
            "peak_gflops_f32_one_thread": Self.rounded(peakOneThread),
            "peak_gflops_f32": Self.rounded(peak),
            "peak_gflops_bf16": Self.rounded(peakBFloat16),
            "read_gigabytes_per_second": Self.rounded(readRate),
        ]
    }

    var lines: [String] {
        var cores = "\(machine.processorsOnline) online, \(machine.processorsAllowed) allowed by affinity"
        if !affinity.isEmpty { cores += " (\(affinity))" }
        let quota = machine.cgroupQuota.map { "\(Units.significant($0)) cores" } ?? "none"
        let rows: [(String, String)] = [
            ("Heed", "\(HeedRuntime.version), \(HeedRuntime.buildMode) build"),
            ("Processor", machine.processor),
            ("Instruction set", "\(instructionSet)  (this machine runs \(available.joined(separator: ", ")))"),
            ("Cores", cores),
            ("Control group", "quota \(quota)"),
            ("Threads", "\(threads)"),
            ("Memory", Units.bytes(Double(machine.memoryBytes))),
            ("OpenMP", openMP),
            ("OpenBLAS", openBLAS ?? "none"),
            ("Peak f32, 1 thread", Self.rate(peakOneThread, "GFLOP/s")),
            ("Peak f32, \(Self.counted(threads, "thread"))", Self.rate(peak, "GFLOP/s")),
            ("Peak bf16, \(Self.counted(threads, "thread"))", Self.rate(peakBFloat16, "GFLOP/s")),
            ("Memory read, \(Self.counted(threads, "thread"))", Self.rate(readRate, "GB/s")),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "\($0.0.padded(to: width))  \($0.1.escapedForOneLine)" }
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
    }

    private static func rate(_ value: Double?, _ unit: String) -> String {
        value.map { "\(Units.significant($0)) \(unit)" } ?? "this instruction set has none"
    }

    /// To a hundredth: no clock is steadier.
    private static func rounded(_ value: Double?) -> JSONValue {
        value.map { JSONValue(($0 * 100).rounded() / 100) } ?? .null
    }
}
