import Foundation
import HeedFiles
import HeedJSON
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

@Suite("Checkpoints")
struct CheckpointTests {
    static func checkpoint(step: Int, seed: UInt64 = 1) -> Checkpoint {
        var settings = JSONObject()
        settings["width"] = 4
        var state = JSONObject()
        state["best"] = JSONValue(1.25)
        let weights = ["a.weight": Tensor.normal([3, 4], seed: seed), "a.bias": Tensor.normal([4], seed: seed + 1)]
        let moments = weights.mapValues { _ in Tensor.normal([1], seed: 9) }
        return Checkpoint(
            model: "char-gpt", settings: settings, step: step, state: state, weights: weights,
            optimizer: [
                "first_moment": Dictionary(uniqueKeysWithValues: moments.keys.map { ($0, weights[$0] ?? Tensor(0)) }),
                "second_moment": weights,
            ])
    }

    static func same(_ left: Checkpoint, _ right: Checkpoint) -> Bool {
        func same(_ a: [String: Tensor], _ b: [String: Tensor]) -> Bool {
            a.count == b.count && a.allSatisfy { name, tensor in b[name].map { haveSameBits($0, tensor) } ?? false }
        }
        return left.model == right.model && left.step == right.step
            && JSONValue.object(left.settings) == .object(right.settings)
            && JSONValue.object(left.state) == .object(right.state) && same(left.weights, right.weights)
            && left.optimizer.count == right.optimizer.count
            && left.optimizer.allSatisfy { kind, tensors in right.optimizer[kind].map { same($0, tensors) } ?? false }
    }

    @Test func comesBackBitForBit() throws {
        try MetricsLogTests.inFolder { folder in
            var checkpoint = Self.checkpoint(step: 7)
            checkpoint.weights["odd"] = Tensor([.nan, -0.0, .infinity, .leastNonzeroMagnitude], shape: [4])
            checkpoint.optimizer = [:]
            let path = folder + "/one.safetensors"
            try checkpoint.save(to: path)
            #expect(Self.same(try Checkpoint(path: path), checkpoint))
            // Weights are there under their own names for any reader of the format.
            #expect(try SafetensorsFile(path: path).tensor("a.bias").shape == [4])
        }
    }

    @Test func everyChangedByteIsNoticed() throws {
        try MetricsLogTests.inFolder { folder in
            let path = folder + "/one.safetensors"
            try Self.checkpoint(step: 7).save(to: path)
            let bytes = try TextFile.bytes(path: path)
            for index in bytes.indices {
                var changed = bytes
                changed[index] ^= 1
                try AtomicFile.write(changed, to: path)
                #expect(throws: TrainingError.self, "byte \(index)") { try Checkpoint(path: path) }
            }
            for length in stride(from: 0, to: bytes.count, by: 37) {
                try AtomicFile.write(bytes[..<length], to: path)
                #expect(throws: TrainingError.self, "length \(length)") { try Checkpoint(path: path) }
            }
        }
    }

    @Test func othersAreRefused() throws {
        try MetricsLogTests.inFolder { folder in
            let path = folder + "/one.safetensors"
            try SafetensorsWriter.write([("a", .tensor(Tensor(1)))], to: path)
            #expect(throws: TrainingError.self) { try Checkpoint(path: path) }
            #expect(throws: TrainingError.self) { try Checkpoint(path: folder + "/none") }
            func write(_ header: String) throws {
                try SafetensorsWriter.write([], metadata: ["heed.checkpoint": header], to: path)
            }
            for header in [
                "", "[]", "{}", #"{"version": 0}"#, #"{"version": 2, "model": "m"}"#, #"{"version": 1, "model": 3}"#,
                #"{"version": 1, "model": "m", "settings": {}, "step": -1, "state": {}}"#,
                #"{"version": 1, "model": "m", "settings": {}, "step": 1, "state": {}}"#,
            ] {
                try write(header)
                #expect(throws: TrainingError.self, "\(header)") { try Checkpoint(path: path) }
            }
            try write(#"{"version": 2, "model": "m"}"#)
            do {
                _ = try Checkpoint(path: path)
            } catch {
                #expect("\(error)".hasSuffix("it is of version 2; this program reads versions up to 1"))
            }
        }
    }

    @Test func weightsAndMomentsOfAnotherModelAreNamed() throws {
        var checkpoint = Self.checkpoint(step: 1)
        try checkpoint.requireWeights(["a.weight": [3, 4], "a.bias": [4]])
        try checkpoint.requireOptimizer(["first_moment", "second_moment"])
        func reason(_ body: () throws(TrainingError) -> Void) -> String? {
            do {
                try body()
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(
            reason { () throws(TrainingError) in try checkpoint.requireWeights(["a.weight": [4, 3], "a.bias": [4]]) }
                == "weight \"a.weight\" has shape [3, 4], the model's has [4, 3]")
        #expect(
            reason { () throws(TrainingError) in try checkpoint.requireWeights(["a.bias": [4]]) }
                == "it has a weight \"a.weight\", which the model does not have")
        #expect(
            reason { () throws(TrainingError) in
                try checkpoint.requireWeights(["a.weight": [3, 4], "a.bias": [4], "b": [1]])
            } == "it has no weight \"b\" [1]")
        #expect(
            reason { () throws(TrainingError) in try checkpoint.requireOptimizer(["first_moment"]) }
                == "it has \"second_moment\" of another optimizer")
        var misshapen = checkpoint
        misshapen.optimizer["second_moment"]?["a.bias"] = Tensor.zeros([5])
        #expect(
            reason { () throws(TrainingError) in
                try misshapen.requireOptimizer(["first_moment", "second_moment"])
            } == "\"second_moment\" of weight \"a.bias\" has shape [5], the weight [4]")
        checkpoint.optimizer["second_moment"]?["a.bias"] = nil
        #expect(
            reason { () throws(TrainingError) in
                try checkpoint.requireOptimizer(["first_moment", "second_moment"])
            } == "\"second_moment\" of weight \"a.bias\" is missing")
    }

    @Test func theLatestAndTheBestAreKept() throws {
        try MetricsLogTests.inFolder { root in
            let folder = CheckpointFolder(path: root + "/new/run", keep: 2)
            #expect(try folder.latest() == nil)
            for step in [100, 200, 300, 400] { try folder.save(Self.checkpoint(step: step), protecting: 200) }
            #expect(folder.steps == [200, 300, 400])
            #expect(try folder.latest()?.step == 400)
            // A run that went back to 300 leaves 400 behind.
            try folder.save(Self.checkpoint(step: 350), protecting: 200)
            #expect(folder.steps == [200, 300, 350])
        }
    }

    @Test func aBrokenOneIsPassedOverForTheOneBefore() throws {
        try MetricsLogTests.inFolder { root in
            let folder = CheckpointFolder(path: root, keep: 2)
            try folder.save(Self.checkpoint(step: 1))
            try folder.save(Self.checkpoint(step: 2))
            try AtomicFile.write([1, 2, 3], to: folder.path(ofStep: 2))
            var skipped: [TrainingError] = []
            #expect(try folder.latest(skipping: { skipped.append($0) })?.step == 1)
            #expect(skipped.count == 1)
            try AtomicFile.write([1, 2, 3], to: folder.path(ofStep: 1))
            #expect(throws: TrainingError.self) { try folder.latest() }
        }
    }

    @Test func whereNoneCanBeSavedOneLineSaysSo() throws {
        try MetricsLogTests.inFolder { root in
            try AtomicFile.write([], to: root + "/file")
            #expect(throws: TrainingError.self) {
                try CheckpointFolder(path: root + "/file").save(Self.checkpoint(step: 1))
            }
            #expect(throws: TrainingError.self) {
                try CheckpointFolder(path: root + "/file/below").save(Self.checkpoint(step: 1))
            }
        }
    }

    // Each system call of a save fails in turn, with each of the usual errors: the older checkpoint is there, whole,
    // and where the save said that it succeeded the new one is.
    @Test(arguments: [ENOSPC, EIO]) func noFailingSystemCallLosesAnything(_ error: Int32) throws {
        try MetricsLogTests.inFolder { root in
            let old = Self.checkpoint(step: 1, seed: 1)
            let new = Self.checkpoint(step: 2, seed: 5)
            var place = 0
            while true {
                let folder = CheckpointFolder(path: root + "/\(place)", keep: 1)
                try folder.save(old)
                let counter = CallCounter()
                let failed = (try? folder.save(new, system: .failing(at: place, with: error, counter: counter))) == nil
                guard let found = try folder.latest() else {
                    Issue.record("nothing is left after call \(place)")
                    return
                }
                #expect(Self.same(found, new) || (failed && Self.same(found, old)), "call \(place)")
                if counter.all.count <= place { break }
                place += 1
            }
            #expect(place > 5)
        }
    }
}
