import HeedData
import HeedModels
import HeedNN
import HeedTensor

/// An example of a trained recipe at work.
package struct RunSample: Sendable, Equatable {
    /// What the model read.
    package let input: String
    /// What it made of it.
    package let output: String
    /// What it should have made of it; nil if that is not known.
    package let expected: String?

    package init(input: String, output: String, expected: String?) {
        (self.input, self.output, self.expected) = (input, output, expected)
    }
}

extension Recipe {
    /// Shows the model of a folder at work on data that it has not learned from: the recipe's own held-out data, or a
    /// file.
    ///
    /// - Throws: ``RecipeError`` if the data is not of the recipe's kind; what the model throws.
    package func samples(
        of trained: TrainedModel, path: String?, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        var values = standardValues
        try values.read(trained.settings)
        guard let model = trained.module as? Task.Model else {
            preconditionFailure("Recipe.samples: \(name) was loaded as another model")
        }
        let vocabulary: Vocabulary = try ModelFolder(path: trained.folder).vocabulary()
        let data = try data(DataRequest(path: path, values: values, seed: seed, vocabulary: vocabulary))
        return try samples(model, of: data, values, count: count, seed: seed)
    }

    /// Draws examples of held-out data; all of them if there are no more.
    func drawn<Example>(_ heldOut: [Example], _ count: Int, seed: UInt64) -> [Example] {
        var generator = RandomGenerator(seed: seed)
        return generator.permutation(of: heldOut.count).prefix(count).map { heldOut[$0] }
    }
}

extension PairRecipe {
    package func samples(
        _ model: Model, of data: PairData, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        try drawn(data.heldOut, count, seed: seed).map { pair in
            let target = try model.greedyTargets(
                of: [data.vocabulary.source.encode(pair.source)], longest: values.integer("longest"))[0]
            return RunSample(input: pair.source, output: data.vocabulary.target.decode(target), expected: pair.target)
        }
    }
}

extension SentimentRecipe {
    package func samples(
        _ model: SequenceClassifier, of data: LabelData<TextPair>, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        let contents = ClassifierContents(model: model, vocabulary: data.vocabulary)
        return try drawn(data.heldOut, count, seed: seed).map { pair in
            RunSample(input: pair.source, output: try contents.classify(pair.source)[0].label, expected: pair.target)
        }
    }
}

extension TaggerRecipe {
    package func samples(
        _ model: SequenceTagger, of data: LabelData<TaggedSentence>, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        try drawn(data.heldOut, count, seed: seed).map { sentence in
            let tags = try model.tags(of: [sentence.words.map { data.vocabulary.words.number(of: $0) }])[0]
            func text(_ tags: [String]) -> String {
                zip(sentence.words, tags).map { "\($0)/\($1)" }.joined(separator: " ")
            }
            return RunSample(
                input: sentence.words.joined(separator: " "), output: text(tags.map { data.vocabulary.labels[$0] }),
                expected: text(sentence.tags))
        }
    }
}

extension LanguageRecipe {
    /// Continues a place of the held-out text, beside what stands there.
    package func samples(
        _ model: Model, of data: LanguageData, _ values: RecipeValues, count: Int, seed: UInt64
    ) throws -> [RunSample] {
        let tokens = try data.tokens()
        let heldOut = tokens.all[(tokens.training ?? tokens.all.count * 9 / 10)...]
        guard heldOut.count > 1 else { throw RecipeError("\(data.source) holds no text that is held out") }
        let packed = try model.packed(as: .float32)
        let sampler = try TokenSampler(temperature: 0.8)
        var generator = RandomGenerator(seed: seed)
        let length = min(60, heldOut.count / 2)
        return try (0..<count).map { _ in
            let start = heldOut.startIndex + generator.below(heldOut.count - 2 * length + 1)
            let prompt = Array(heldOut[start..<start + length])
            var states = [packed.makeDecodingState()]
            var workspace = InferenceWorkspace()
            var next = SequenceTokens()
            next.append(prompt)
            var written: [Int32] = []
            for _ in 0..<length {
                packed.nextLogits(next, &states, &workspace)
                let token = Int32(try sampler.sample(workspace.logits.elements, using: &generator))
                written.append(token)
                next.removeAll()
                next.append(token)
            }
            return RunSample(
                input: data.vocabulary.decode(prompt), output: data.vocabulary.decode(written),
                expected: data.vocabulary.decode(heldOut[start + length..<start + 2 * length]))
        }
    }
}
