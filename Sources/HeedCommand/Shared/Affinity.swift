import Foundation

/// The processors that the affinity mask of this process names.
enum Affinity {
    /// In the notation of taskset: `0-3,8`. Empty if the system does not say.
    static var processors: String {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return "" }
        let label = "Cpus_allowed_list:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(label) }) else { return "" }
        return line.dropFirst(label.count).trimmingCharacters(in: .whitespaces)
    }
}
