import Heed

/// The result of one case.
package struct CaseResult: Sendable {
    package enum Status: String, Sendable { case passed, failed, unsupported }

    /// The path as given, joined with the path inside a folder.
    package let path: String
    /// The operation; nil if the file could not be read so far.
    package var operation: String?
    package var status: Status
    /// Whether only outputs were asked for.
    package let forward: Bool
    /// Whether the bounds are the strict ones.
    package let strict: Bool
    /// For each tensor that was compared, the measurement nearest to its bound or farthest beyond it.
    package var measurements: [String: Measurement] = [:]
    /// The SHA-256 of the computed answers; nil if nothing was computed.
    package var digest: String?
    /// Why the case could not be checked, or was not supported.
    package var reason: String?

    /// The JSON line. Errors are finite numbers: one that is infinite is written as the largest float64, which no bound
    /// reaches.
    package var json: JSONValue {
        var object: JSONObject = [
            "case": .string(path),
            "op": operation.map { .string($0) } ?? .null,
            "status": .string(status.rawValue),
            "forward": .bool(forward),
            "strict": .bool(strict),
            "errors": .object(values { $0.value }),
            "bounds": .object(values { $0.bound }),
            "digest": digest.map { .string($0) } ?? .null,
        ]
        if let reason { object[status == .unsupported ? "reason" : "error"] = .string(reason.escapedForOneLine) }
        return .object(object)
    }

    /// The line for the terminal.
    package var text: String {
        let columns = [status.rawValue.padded(to: 11), (operation ?? "-").padded(to: 12), path]
        let detail = reason ?? worstDescription
        return ((columns + [detail].compactMap { $0 }).map(\.escapedForOneLine)).joined(separator: "  ")
    }

    /// `output.output: N 1.2e-07 of 6.0e-07`: the tensor nearest to its bound.
    package var worstDescription: String? {
        guard let worst = measurements.max(by: { ($0.value.share, $1.key) < ($1.value.share, $0.key) }) else {
            return nil
        }
        let measurement = worst.value
        return
            "\(worst.key): \(measurement.metric) \(Units.error(measurement.value)) of \(Units.error(measurement.bound))"
    }

    private func values(_ value: (Measurement) -> Double) -> JSONObject {
        var object = JSONObject()
        for name in measurements.keys.sorted() {
            guard let measurement = measurements[name] else { continue }
            let number = JSONValue(min(value(measurement), .greatestFiniteMagnitude))
            object[name] = strict ? ["metric": .string(measurement.metric), "value": number] : number
        }
        return object
    }
}
