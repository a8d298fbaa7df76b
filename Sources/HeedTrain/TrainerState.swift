import HeedJSON

/// The state of a trainer besides its tensors.
struct TrainerState {
    let seed: UInt64
    let best: (step: Int, loss: Double)?
    let evaluationsSinceBest: Int
    /// The settings from which steps are computed; nil in an older checkpoint without them.
    let run: JSONObject?

    init(seed: UInt64, best: (step: Int, loss: Double)?, stopping: EarlyStopping?, run: JSONObject) {
        self.seed = seed
        self.best = best
        evaluationsSinceBest = stopping?.evaluationsSinceBest ?? 0
        self.run = run
    }

    var json: JSONObject {
        var object = JSONObject()
        // As text: a reader may not hold 64 bits in a number.
        object["seed"] = .string(String(seed))
        if let best {
            object["best_step"] = JSONValue(best.step)
            object["best_loss"] = JSONValue(best.loss)
        }
        object["evaluations_since_best"] = JSONValue(evaluationsSinceBest)
        if let run { object["run"] = .object(run) }
        return object
    }

    /// Restores the value of ``json`` after `step` steps.
    init(json: JSONObject, step: Int) throws(TrainingError) {
        guard let text = json["seed"]?.string, let seed = UInt64(text),
            let since = json["evaluations_since_best"]?.int, since >= 0
        else { throw TrainingError("checkpoint", "its state has no seed or no count of evaluations") }
        self.seed = seed
        evaluationsSinceBest = since
        switch (json["best_step"]?.int, json["best_loss"]?.double) {
        case (let best?, let loss?):
            guard best >= 0, best <= step else {
                throw TrainingError(
                    "checkpoint", "its best evaluation is of step \(best), and it of step \(step)")
            }
            self.best = (best, loss)
        case (nil, nil): best = nil
        default: throw TrainingError("checkpoint", "its state has half of the best evaluation")
        }
        switch json["run"] {
        case nil: run = nil
        case .object(let object)?: run = object
        default: throw TrainingError("checkpoint", "the \"run\" of its state is no object")
        }
    }

    /// Checks that steps are computed as in the run of the checkpoint, except for the settings that may change.
    func requireRun(_ run: JSONObject, allowing changes: ResumeChanges) throws(TrainingError) {
        guard let found = self.run else { return }
        func compared(_ run: JSONObject) -> JSONObject {
            var run = run
            if changes.contains(.schedule) { run["schedule"] = nil }
            if changes.contains(.clipNorm) { run["clip_norm"] = nil }
            if changes.contains(.coefficients), let algorithm = run["optimizer"]?["algorithm"] {
                run["optimizer"] = ["algorithm": algorithm]
            }
            return run
        }
        try RunComparison.require(compared(found), as: compared(run))
    }
}
