import HeedAutograd
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// Rows of the same data, cut into batches of given sizes: a step over all of them, whatever the cut.
private struct CutTask: TrainingTask {
    /// The sizes of the batches; a step takes all of them.
    let sizes: [Int]
    /// The weight of each row in the loss; nil where each counts once.
    var rowWeights: [Float]?
    /// Whether the loss of a batch without rows is NaN, as a quotient of nothing and nothing is.
    var emptyIsNaN = false
    /// Whether it is a constant, which is computed from no parameter.
    var emptyIsConstant = false

    func batch(at step: Int) -> Range<Int> {
        let place = step % sizes.count
        let begin = sizes[..<place].reduce(0, +)
        return begin..<begin + sizes[place]
    }

    func loss(of model: SmallModel, on rows: Range<Int>, recurrentState: [Tensor], in context: Context) -> StepLoss {
        guard !rows.isEmpty else {
            if emptyIsConstant { return StepLoss(Variable(emptyIsNaN ? .nan : 0), targetCount: 0) }
            let nothing = model(Tensor.zeros([1, 3]), in: context).sum() * (emptyIsNaN ? .nan : 0)
            return StepLoss(nothing, targetCount: 0)
        }
        let all = SmallTask.batch(7, sizes.reduce(0, +))
        let targets = all.targets.elements
        // Later rows are far larger: what they add shows.
        let scaled = rows.map { targets[$0] * Float(1 + $0) }
        let inputs = Tensor(
            Array(all.inputs.elements[3 * rows.lowerBound..<3 * rows.upperBound]), shape: [rows.count, 3])
        let errors = (model(inputs, in: context) - Variable(Tensor(scaled, shape: [rows.count, 1]))).squared()
        guard let rowWeights else { return StepLoss(errors.mean(), targetCount: rows.count) }
        let weights = Array(rowWeights[rows])
        let sum = weights.reduce(0, +)
        let loss = (errors * Variable(Tensor(weights, shape: [rows.count, 1]))).sum() * (1 / sum)
        return StepLoss(loss, targetCount: rows.count, weight: Double(sum))
    }

    func evaluate(_ model: SmallModel) -> Evaluation? { nil }
}

@Suite("Accumulated batches")
struct AccumulationTests {
    private static func step(
        _ task: CutTask, _ optimizer: Optimizer, clip: Double? = nil
    ) async throws -> (report: StepReport, weights: [String: Tensor]) {
        var settings = TrainingSettings(name: "cut", steps: 1, optimizer: optimizer, schedule: .constant(0.01))
        settings.accumulatedBatches = task.sizes.count
        settings.clipNorm = clip
        settings.gradientNormsEvery = 1
        let trainer = try Trainer(model: SmallModel(seed: 3), task: task, settings: settings)
        return (try await trainer.takeStep(), await trainer.model.weights)
    }

    private static func expectSame(
        _ task: CutTask, as whole: CutTask, _ optimizer: Optimizer, clip: Double? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await step(task, optimizer, clip: clip)
        let expected = try await step(whole, optimizer, clip: clip)
        func close(_ left: Double, _ right: Double, _ what: String) {
            #expect(
                abs(left - right) <= 2e-6 * abs(right), "\(what): \(left) and \(right)", sourceLocation: sourceLocation)
        }
        close(found.report.loss, expected.report.loss, "loss")
        close(found.report.gradientNorm, expected.report.gradientNorm, "norm")
        #expect(found.report.targetCount == expected.report.targetCount, sourceLocation: sourceLocation)
        let norms = try #require(found.report.gradientNorms).parameters
        for (part, reference) in zip(norms, try #require(expected.report.gradientNorms).parameters) {
            close(part.norm, reference.norm, part.name)
        }
        for (name, values) in expected.weights {
            let difference = zip(found.weights[name]?.elements ?? [], values.elements).map { abs($0 - $1) }.max()
            #expect(try #require(difference) < 2e-6, "\(name)", sourceLocation: sourceLocation)
        }
    }

    // One batch, and the same rows cut into several that are not of one size: the same step up to rounding.
    @Test(arguments: [[1, 15], [15, 1], [2, 3, 11], [7, 1, 1, 7], [8, 8], [0, 16], [5, 0, 11], [16, 0]])
    func takeTheStepOfOneBatch(_ sizes: [Int]) async throws {
        for (emptyIsNaN, emptyIsConstant) in [(false, false), (true, false), (false, true), (true, true)] {
            let task = CutTask(sizes: sizes, emptyIsNaN: emptyIsNaN, emptyIsConstant: emptyIsConstant)
            try await Self.expectSame(task, as: CutTask(sizes: [16]), .sgd())
            try await Self.expectSame(task, as: CutTask(sizes: [16]), .sgd(momentum: 0.9), clip: 0.5)
            try await Self.expectSame(task, as: CutTask(sizes: [16]), .adamW())
        }
    }

    // Targets that count for more than one: what a mean was divided by is what a batch weighs.
    @Test func weighWhatTheirMeanWasDividedBy() async throws {
        let weights: [Float] = (0..<16).map { $0 < 4 ? 0.25 : 3 }
        try await Self.expectSame(
            CutTask(sizes: [4, 12], rowWeights: weights), as: CutTask(sizes: [16], rowWeights: weights), .sgd())
    }

    @Test func withoutAnyTargetChangeNothing() async throws {
        let nothing = try await Self.step(CutTask(sizes: [0, 0], emptyIsNaN: true), .sgd())
        #expect(nothing.report.loss == 0 && nothing.report.gradientNorm == 0 && nothing.report.targetCount == 0)
        for (name, values) in SmallModel(seed: 3).weights {
            #expect(nothing.weights[name].map { haveSameBits($0, values) } == true, "\(name)")
        }
    }

    // The norms of states too are those of the mean over all targets.
    @Test func statesHaveTheNormsOfOneBatch() async throws {
        let whole = try await StateNorms.norms([6])
        for sizes in [[1, 5], [2, 4]] {
            let parts = try await StateNorms.norms(sizes)
            for (found, expected) in zip(parts, whole) {
                #expect(abs(found - expected) <= 2e-6 * expected && expected > 0, "\(sizes)")
            }
        }
    }

    @Test func aMeanOfMeansIsWeighted() {
        var mean = MeanLoss()
        mean.add(mean: 4, count: 1)
        mean.add(mean: 1, count: 3)
        mean.add(mean: .nan, count: 0)
        #expect(mean.mean == 1.75 && mean.count == 4)
        var weighted = MeanLoss()
        weighted.add(mean: 4, count: 1, weight: 0.5)
        weighted.add(mean: 1, count: 7, weight: 1.5)
        #expect(weighted.mean == 1.75 && weighted.count == 8)
    }
}

/// An RNN on batches of rows of the same data.
private struct StateNorms: TrainingTask {
    let sizes: [Int]

    struct Model: Module {
        var rnn: RNN
        mutating func visitParameters(_ visit: ParameterVisitor) { visit("rnn", &rnn) }
    }

    func batch(at step: Int) -> Tensor {
        let all = Tensor.normal([6, 5, 3], seed: 2).elements
        let begin = sizes[..<step].reduce(0, +)
        return Tensor(Array(all[15 * begin..<15 * (begin + sizes[step])]), shape: [sizes[step], 5, 3])
    }

    func loss(of model: Model, on batch: Tensor, recurrentState: [Tensor], in context: Context) -> StepLoss {
        StepLoss(model.rnn(Variable(batch), in: context).state.hidden.squared().mean(), targetCount: batch.shape[0])
    }

    func evaluate(_ model: Model) -> Evaluation? { nil }

    static func norms(_ sizes: [Int]) async throws -> [Double] {
        var random = RandomGenerator(seed: 4)
        var settings = TrainingSettings(name: "states", steps: 1, optimizer: .sgd(), schedule: .constant(0.1))
        settings.accumulatedBatches = sizes.count
        settings.gradientNormsEvery = 1
        let model = Model(rnn: RNN(inputSize: 3, hiddenSize: 4, using: &random))
        let trainer = try Trainer(model: model, task: StateNorms(sizes: sizes), settings: settings)
        return try #require(try await trainer.takeStep().gradientNorms?.states.first).norms
    }
}
