import HeedAutograd
import HeedData
import HeedFiles
import HeedJSON
import HeedModels
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

/// RNN, GRU and LSTM side by side on the adding problem, whose gradients have to reach far back.
package struct AddingRecipe: Recipe {
    package init() {}

    package let name = "adding"
    package let summary = "a recurrent network that adds two marked numbers of a long sequence"
    package let dataHelp = "None: the sequences are generated, new ones for every step."
    package let steps = 1500
    package let keys: [RecipeKey] =
        [
            .choice("cell", ["lstm", "gru", "rnn"], "the cell"),
            .integer("length", 200, from: 2, "numbers in a sequence"),
            .integer("hidden", 64, "the size of the state"),
            .integer("batch", 64, "sequences in a batch"),
            .choice(
                "memory", ["long", "none"], "whether an LSTM's gates are set to remember the whole length at first"),
        ] + RecipeKey.training(rate: 4e-3, leastRate: 4e-4)

    package func data(_ request: DataRequest<AddingData>) throws -> AddingData {
        if let path = request.path {
            throw RecipeError("\(path): the sequences of \(name) are generated, and it reads no file")
        }
        return AddingData(length: request.values.integer("length"))
    }

    package func task(_ data: AddingData, _ values: RecipeValues, seed: UInt64) throws(RecipeError) -> AddingTask {
        AddingTask(length: data.length, batch: values.integer("batch"), seed: seed)
    }

    package func model(
        _ values: RecipeValues, _ vocabulary: AddingData, using generator: inout RandomGenerator
    ) throws(ModelError) -> SequenceRegressor {
        let cell: RecurrentKind =
            switch values.word("cell") {
            case "gru": .gru()
            case "rnn": .rnn()
            default: .lstm
            }
        var encoder = RecurrentEncoderSettings(
            input: .vectors(size: 2), cell: cell, hiddenSize: values.integer("hidden"))
        encoder.memory = values.word("memory") == "long" ? values.integer("length") : nil
        return try SequenceRegressor(SequenceRegressorSettings(encoder: encoder), using: &generator)
    }

    package func leastFloats(_ values: RecipeValues, _ vocabulary: AddingData) -> (weights: Double, step: Double) {
        let hidden = values["hidden"]
        return (hidden * hidden, values["batch"] * values["length"] * 3 * hidden)
    }

    package func contents(_ model: SequenceRegressor, _ vocabulary: AddingData) -> any TrainedContents {
        AddingContents(model: model)
    }

    package func commandToTry(_ data: AddingData) -> [String] { ["run"] }

    package func samples(
        _ model: SequenceRegressor, of data: AddingData, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        // Not the sequences of the training, whose streams are the numbers of the steps.
        var generator = RandomGenerator(seed: seed, stream: .max)
        let problem = AddingProblem(length: data.length)
        return (0..<count).map { _ in
            let batch = problem.batch(1, using: &generator)
            let marked = (0..<data.length).filter { batch.inputs[2 * $0 + 1] == 1 }.map { step in
                "\(Self.text(batch.inputs[2 * step])) at step \(step + 1)"
            }
            let sum = model(AddingTask.sequences(batch, length: data.length), in: Context()).value.elements[0]
            return RunSample(
                input: marked.joined(separator: ", "), output: Self.text(sum), expected: Self.text(batch.targets[0]))
        }
    }

    /// The number with three digits after the point.
    private static func text(_ value: Float) -> String {
        let thousandths = Int((max(-1e6, min(1e6, value)) * 1000).rounded())
        let digits = String(thousandths.magnitude % 1000)
        return "\(thousandths < 0 ? "-" : "")\(thousandths.magnitude / 1000)."
            + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

/// The adding problem of one length. It is its own vocabulary: what a model has to know of it.
package struct AddingData: RecipeData, StoredVocabulary {
    package let length: Int

    package init(length: Int) { self.length = length }

    package var vocabulary: AddingData { self }
    package var source: String { "generated sequences" }
    package var digest: String {
        var digest = SHA256()
        Array("adding \(length)".utf8).withUnsafeBytes { digest.update($0) }
        return digest.hexadecimal()
    }
    package var bytes: Double { 0 }

    package var json: JSONValue { ["kind": "adding", "length": JSONValue(length)] }

    package init(json: JSONValue) throws(TextError) {
        guard json.object?["kind"]?.string == "adding", let length = json.object?["length"]?.int, length >= 2 else {
            throw TextError("the vocabulary's kind is not \"adding\", or its length is not at least 2")
        }
        self.length = length
    }

    package var sizeInWords: String { "sequences of \(length) numbers" }
}

struct AddingContents: TrainedContents {
    let model: SequenceRegressor
    var module: any Module { model }
}

/// The task of the adding problem: new sequences for every step, and a thousand others for evaluation.
package struct AddingTask: TrainingTask {
    let length: Int
    let batch: Int
    let seed: UInt64

    private static let evaluated = 1000
    private static let evaluatedTogether = 100

    package var identity: JSONObject {
        [
            "length": JSONValue(length), "batch": JSONValue(batch), "order_seed": .string(String(seed)),
        ]
    }

    package func recurrentStateShapes(of model: SequenceRegressor) -> [Shape]? { [] }

    package func batch(at step: Int) -> AddingProblem.Batch {
        var generator = RandomGenerator(seed: seed, stream: UInt64(step) + 1)
        return AddingProblem(length: length).batch(batch, using: &generator)
    }

    package func loss(
        of model: SequenceRegressor, on batch: AddingProblem.Batch, recurrentState: [Tensor], in context: Context
    ) -> StepLoss {
        let sums = model(Self.sequences(batch, length: length), in: context)
        let loss = squaredError(sums, targets: Tensor(batch.targets, shape: [batch.targets.count, 1]))
        return StepLoss(loss.named("loss"), targetCount: batch.targets.count)
    }

    /// Returns the mean squared error over sequences that are the same for every run.
    package func evaluate(_ model: SequenceRegressor) -> Evaluation? {
        var generator = RandomGenerator(seed: 0, stream: 0)
        var loss = MeanLoss()
        for _ in 0..<Self.evaluated / Self.evaluatedTogether {
            let batch = AddingProblem(length: length).batch(Self.evaluatedTogether, using: &generator)
            let sums = model(Self.sequences(batch, length: length), in: Context())
            let targets = Tensor(batch.targets, shape: [batch.targets.count, 1])
            loss.add(mean: Double(squaredError(sums, targets: targets).scalar), count: batch.targets.count)
        }
        return Evaluation(loss: loss.mean)
    }

    static func sequences(_ batch: AddingProblem.Batch, length: Int) -> SequenceBatch {
        SequenceBatch(
            batch.targets.indices.map { row in
                let numbers = batch.inputs[row * 2 * length..<(row + 1) * 2 * length]
                return .vectors(Tensor(Array(numbers), shape: [length, 2]))
            })
    }
}
