import HeedJSON

/// The settings that a run may change on purpose when it is resumed: see ``Trainer/resume(from:allowing:)``.
public struct ResumeChanges: OptionSet, Sendable {
    /// The bits of the set.
    public let rawValue: Int

    /// Makes a set of changes.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Another ``TrainingSettings/schedule``: the learning rate follows the new one, from the step of the checkpoint
    /// on.
    public static let schedule = ResumeChanges(rawValue: 1)
    /// Other coefficients of the same ``TrainingSettings/optimizer``.
    public static let coefficients = ResumeChanges(rawValue: 2)
    /// Another value of ``TrainingSettings/clipNorm``.
    public static let clipNorm = ResumeChanges(rawValue: 4)
}

/// Finds where a run differs from the one that it is to continue.
package enum RunComparison {
    /// Refuses members that differ, at any depth.
    ///
    /// - Parameters:
    ///   - found: The members in the checkpoint.
    ///   - expected: The members of the run that continues it.
    ///   - name: What both describe: "optimizer".
    /// - Throws: ``TrainingError``, which names the first member that differs, and both values.
    package static func require(
        _ found: JSONObject, as expected: JSONObject, _ name: String = ""
    ) throws(TrainingError) {
        var keys = found.keys
        for key in expected.keys where !found.contains(key) { keys.append(key) }
        for key in keys {
            let path = name.isEmpty ? key : name + "." + key
            switch (found[key], expected[key]) {
            case (.object(let left)?, .object(let right)?): try require(left, as: right, path)
            case (let left, let right):
                guard !areEqual(left, right) else { continue }
                throw TrainingError(
                    "checkpoint",
                    "\(JSONText.quoted(path)) is \(shown(left)) in its run and \(shown(right)) in this one")
            }
        }
    }

    private static func areEqual(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        if left == right { return true }
        // 1 and 1.0 are one number; integers beyond 2^53 that differ are two.
        guard let left, let right, let value = left.double, left.int == nil || right.int == nil else { return false }
        return value == right.double
    }

    private static func shown(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "none"
        case .string(let text)?: JSONText.quoted(text)
        case .number(let number)?: String(number.text.prefix(64))
        case let value?: String(JSONWriter.string(value).prefix(256))
        }
    }
}

extension TrainingSettings {
    /// The settings from which steps are computed, besides model, data and seed.
    var json: JSONObject {
        var object = JSONObject()
        object["optimizer"] = .object(optimizer.json)
        object["schedule"] = .object(schedule.json)
        object["clip_norm"] = clipNorm.map { JSONValue($0) } ?? .null
        object["accumulated_batches"] = JSONValue(accumulatedBatches)
        return object
    }
}

extension Optimizer {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        switch self {
        case .sgd(let momentum, let dampening, let nesterov, _):
            object["algorithm"] = "sgd"
            object["momentum"] = JSONValue(momentum)
            object["dampening"] = JSONValue(dampening)
            object["nesterov"] = .bool(nesterov)
        case .adam(let beta1, let beta2, let epsilon, _, let amsgrad),
            .adamW(let beta1, let beta2, let epsilon, _, let amsgrad):
            if case .adam = self { object["algorithm"] = "adam" } else { object["algorithm"] = "adamW" }
            object["beta1"] = JSONValue(beta1)
            object["beta2"] = JSONValue(beta2)
            object["epsilon"] = JSONValue(epsilon)
            if amsgrad { object["amsgrad"] = true }
        }
        switch weightDecay {
        case .none: object["weight_decay"] = 0
        case .all(let rate): object["weight_decay"] = JSONValue(rate)
        case .matrices(let rate):
            object["weight_decay"] = JSONValue(rate)
            if rate != 0 { object["weight_decay_of"] = "matrices" }
        }
        return object
    }
}

extension LearningRateSchedule {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        switch self {
        case .constant(let rate):
            object["kind"] = "constant"
            object["rate"] = JSONValue(rate)
        case .warmupCosine(let peak, let warmup, let total, let minimum):
            object["kind"] = "warmupCosine"
            object["peak"] = JSONValue(peak)
            object["warmup_steps"] = JSONValue(warmup)
            object["total_steps"] = JSONValue(total)
            object["minimum"] = JSONValue(minimum)
        case .warmupInverseSquareRoot(let width, let warmup, let factor):
            object["kind"] = "warmupInverseSquareRoot"
            object["model_width"] = JSONValue(width)
            object["warmup_steps"] = JSONValue(warmup)
            object["factor"] = JSONValue(factor)
        case .step(let initial, let every, let factor):
            object["kind"] = "step"
            object["initial"] = JSONValue(initial)
            object["every"] = JSONValue(every)
            object["factor"] = JSONValue(factor)
        }
        return object
    }
}
