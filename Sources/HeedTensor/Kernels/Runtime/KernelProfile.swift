internal import CKernels

/// The time that is spent in the engine's kernels, by entry point. The rest of a program's time is its own. There is
/// one count per process, which covers the calls of all threads. While counting is on, a call reads the clock twice.
package enum KernelProfile {
    /// The time that the calls of one entry point took.
    package struct Entry: Sendable, Equatable {
        /// The entry point as it is called in C, without the prefix: "gemm_engine_fused".
        package let name: String
        /// The number of calls.
        package let calls: Int
        /// The seconds that all the calls took together.
        package let seconds: Double

        package init(name: String, calls: Int, seconds: Double) {
            (self.name, self.calls, self.seconds) = (name, calls, seconds)
        }
    }

    /// Starts counting from zero.
    package static func start() { heed_profile_start() }

    /// Stops counting and returns the counts.
    ///
    /// - Returns: The counts since ``start()``, the longest time first.
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
