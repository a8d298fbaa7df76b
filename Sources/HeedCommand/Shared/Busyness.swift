import Foundation
import Heed

/// Whether other programs took a part of the machine while something was measured, by the signs that a measurement has.
///
/// A virtual machine cannot see what runs on the other half of its core: then only the times tell.
package struct Busyness: Sendable {
    /// The signs, each a phrase for a person; none for a quiet machine.
    package let signs: [String]

    /// Whether there is a sign.
    package var isBusy: Bool { !signs.isEmpty }

    /// Medians up to this much above the fastest run are those of a quiet machine.
    private static let spread = 4.0 / 3
    /// The share of itself that the peak or bandwidth of a quiet machine drifts by at most.
    private static let drift = 1.0 / 5

    /// Looks at measurements and at the machine's load before them.
    ///
    /// - Parameters:
    ///   - load: The number of programs that ran, averaged over a minute; nil where the system does not say.
    ///   - processors: The number of processors that may be used.
    ///   - groups: The measurements; those of a group have the same yardstick.
    init(load: Double?, processors: Int, groups: [[Stopwatch.Timing]]) {
        var signs: [String] = []
        if let load, load > Double(processors) {
            signs.append(
                "the load before the run was \(Units.significant(load)) on \(processors) "
                    + (processors == 1 ? "processor" : "processors"))
        }
        let worst = groups.joined().map { $0.medianSeconds / $0.minimumSeconds }.filter(\.isFinite).max() ?? 1
        if worst > Self.spread {
            signs.append("medians are up to \(Units.format("%.0f", 100 * (worst - 1))) % above the fastest runs")
        }
        let drift =
            groups.map { group in
                let rates = group.flatMap(\.yardsticks)
                return 1 - (rates.min() ?? 1) / (rates.max() ?? 1)
            }.filter(\.isFinite).max() ?? 0
        if drift > Self.drift {
            signs.append("the machine's own rate drifted by \(Units.format("%.0f", 100 * drift)) %")
        }
        self.signs = signs
    }

    /// One line for a person; nil for a quiet machine.
    package var line: String? {
        isBusy ? "This machine was busy, so these times may be too long: \(signs.joined(separator: "; "))." : nil
    }
}

/// The machine's load.
enum MachineLoad {
    /// The number of programs that ran or wanted to, averaged over the last minute; nil where the system does not say.
    static var now: Double? { reading("/proc/loadavg") }

    /// Reads the first number of such a file.
    static func reading(_ path: String) -> Double? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let load = text.split(separator: " ").first.flatMap({ Double($0) }), load.isFinite, load >= 0
        else { return nil }
        return load
    }
}
