import Foundation

/// The memory of this process that is in RAM.
enum ResidentMemory {
    /// The bytes now; 0 if the system does not say.
    static var now: Int { read("VmRSS:") }
    /// The most bytes so far.
    static var peak: Int { read("VmHWM:") }

    private static func read(_ key: String) -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0.filter(\.isNumber)) })
        else { return 0 }
        return kilobytes * 1024
    }
}
