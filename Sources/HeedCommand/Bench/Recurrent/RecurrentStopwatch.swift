import Heed

/// The measurement of a recurrent layer.
struct RecurrentMeasurement {
    let problem: RecurrentProblem
    let timing: Stopwatch.Timing

    private var work: Double { problem.floatingPointOperations / 1e9 }
    private var microsecondsPerStep: Double { timing.medianSeconds * 1e6 / Double(problem.time) }

    func json(in surroundings: Surroundings) -> JSONValue {
        surroundings.completing(
            [
                "bench": "recurrent",
                "cell": .string(problem.cell.rawValue),
                "direction": .string(problem.direction.rawValue),
                "shape": problem.json,
                "dtype": "f32",
                "median_seconds": JSONValue(timing.medianSeconds),
                "min_seconds": JSONValue(timing.minimumSeconds),
                "best_third_seconds": JSONValue(timing.bestThirdSeconds),
                "microseconds_per_step": JSONValue(microsecondsPerStep),
                "gflops": JSONValue(work / timing.medianSeconds),
                "percent_of_peak": JSONValue(timing.percent(ofWork: work)),
                "peak_gflops": JSONValue(timing.medianYardstick),
                "repeats": JSONValue(timing.seconds.count),
            ], [timing])
    }

    static let titles: [(title: String, alignment: TextTable.Alignment)] = [
        ("cell", .left), ("direction", .left), ("median", .right), ("fastest", .right), ("us a step", .right),
        ("GFLOP/s", .right), ("% of peak", .right), ("peak", .right),
    ]

    var cells: [String] {
        [
            problem.cell.rawValue, problem.direction.rawValue, Units.seconds(timing.medianSeconds),
            Units.seconds(timing.minimumSeconds), Units.format("%.2f", microsecondsPerStep),
            Units.significant(work / timing.medianSeconds), Units.format("%.1f", timing.percent(ofWork: work)),
            Units.significant(timing.medianYardstick),
        ]
    }
}

/// A layer with everything that it reads and writes: weights as they are initialised, inputs and gradients of outputs
/// standard normal numbers. The forward pass by itself is inference, with packed weights. With the backward pass it is
/// a training step, which packs its weights every time.
final class RecurrentOperands {
    private let problem: RecurrentProblem
    private let call: RecurrentCall
    private let outputGradients: RecurrentOutputGradients
    private var output: Tensor
    private var reserve: Tensor?
    private var gradients: RecurrentGradients?

    init(_ problem: RecurrentProblem) throws(TensorError) {
        self.problem = problem
        var generator = RandomGenerator.benchmark
        let kind = problem.cell.kind
        let standardDeviation = 1 / Float(problem.hidden).squareRoot()
        func weights(_ shape: Shape) -> Tensor {
            .normal(shape, standardDeviation: standardDeviation, using: &generator)
        }
        let rows = kind.gates * problem.hidden
        let layer = RecurrentWeights(
            inputWeight: weights([rows, problem.input]), hiddenWeight: weights([rows, problem.hidden]),
            inputBias: weights([rows]), hiddenBias: weights([rows]))
        let trains = problem.direction == .both
        call = try RecurrentCall(
            kind, .normal([problem.batch, problem.time, problem.input], using: &generator), weights: layer,
            packed: trains ? nil : PackedRecurrentWeights(kind, layer))
        output = .zeros(call.outputShape)
        outputGradients = RecurrentOutputGradients(output: trains ? .normal(call.outputShape, using: &generator) : nil)
        if trains {
            reserve = .zeros(call.reserveShape)
            gradients = call.gradientTargets(.all)
        }
    }

    func run() throws(TensorError) {
        try call.run(into: &output, reserve: &reserve)
        if let reserve, gradients != nil {
            // Taken out, so that nothing else refers to the memory that is written.
            guard var own = gradients.take() else { return }
            defer { gradients = own }
            try call.backward(reserve: reserve, outputGradients, into: &own)
        }
    }
}

extension Optional {
    /// Returns the value and leaves nil.
    fileprivate mutating func take() -> Wrapped? {
        defer { self = nil }
        return self
    }
}
