internal import CKernels

/// The time that is spent in the engine's kernels, told by entry point: what is left of a program's time is its own.
///
/// One count for the process: it covers the calls of all threads. A call costs two readings of the clock while it is
/// counted.
package enum KernelProfile {
    /// What the calls of one entry point took.
    package struct Entry: Sendable, Equatable {
        /// The entry point as it is called in C, without the prefix: "gemm_engine_fused".
        package let name: String
        /// How often it was called.
        package let calls: Int
        /// What the calls took together.
        package let seconds: Double

        package init(name: String, calls: Int, seconds: Double) {
            (self.name, self.calls, self.seconds) = (name, calls, seconds)
        }
    }

    /// Counts from nothing, from now on.
    package static func start() { heed_profile_start() }

    /// Stops counting.
    ///
    /// - Returns: What was counted since ``start()``, the longest first.
    package static func stop() -> [Entry] {
        heed_profile_stop()
        var entries = [HeedProfileEntry](repeating: HeedProfileEntry(), count: heed_profile_read(nil, 0))
        let count = heed_profile_read(&entries, entries.count)
        let prefix = "heed_"
        return entries.prefix(count).map { entry in
            let name = String(cString: entry.name)
            return Entry(
                name: name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name,
                calls: Int(entry.calls), seconds: Double(entry.nanoseconds) * 1e-9)
        }
        .sorted { $0.seconds > $1.seconds }
    }
}
