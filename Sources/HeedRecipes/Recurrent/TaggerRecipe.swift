import HeedData
import HeedFiles
import HeedModels
import HeedNN
import HeedTensor
import HeedText
import HeedTrain

/// A bidirectional recurrent network with a conditional random field that gives each word a tag: many to many.
package struct TaggerRecipe: Recipe {
    package typealias Vocabulary = LabelVocabulary
    package typealias Data = LabelData<TaggedSentence>

    package init() {}

    package let name = "tagger"
    package let summary = "a recurrent network with a conditional random field that gives each word a tag"
    package let dataHelp =
        "A file of words and tags, one per line, with an empty line between sentences. (default: generated sentences)"
    package let steps = 1000
    package let keys: [RecipeKey] =
        [
            .choice("cell", ["lstm", "gru", "rnn"], "the cell of every layer"),
            .choice("directions", ["both", "one"], "whether the sentence is read backwards too"),
            .choice("decision", ["crf", "independent"], "how tags are chosen, together or each by itself"),
            .integer("examples", 6000, "how many sentences are generated to train on"),
        ] + RecipeKey.readerOfWords(hidden: 64, tokenDropout: 0.1)
        + RecipeKey.training(rate: 4e-3, leastRate: 1e-4)

    private static let heldOutCount = 1000

    package func data(_ request: DataRequest<LabelVocabulary>) throws -> LabelData<TaggedSentence> {
        let split: DataSplit<TaggedSentence>
        if let path = request.path {
            let size = Double(try TextFile.size(path: path))
            try request.announce(path, size, 8 * size)
            let sentences = try TaggedSentences.read(path: path)
            guard sentences.count >= 20 else {
                throw RecipeError("\(path) has \(sentences.count) sentences, and at least 20 are needed to learn from")
            }
            split = DataSplit(everyTenthOf: sentences)
        } else {
            let count = request.values.integer("examples")
            let most = CompanySentences.most - Self.heldOutCount
            guard count <= most else { throw RecipeError("examples is \(count), and at most \(most) are generated") }
            split = CompanySentences.split(training: count, heldOut: Self.heldOutCount, seed: 1)
        }
        return LabelData(
            split, request.vocabulary ?? Self.vocabulary(of: split, request.values),
            source: request.path ?? "generated sentences",
            line: { zip($0.words, $0.tags).map { "\($0)\t\($1)\n" }.joined() })
    }

    /// The words of the training part, and the tags of both parts in the order of their names.
    private static func vocabulary(of split: DataSplit<TaggedSentence>, _ values: RecipeValues) -> LabelVocabulary {
        let all = split.training + split.heldOut
        let labels = Set(all.flatMap(\.tags)).sorted()
        // A file may have names like those of the scheme and sequences that it forbids.
        let numbers = Dictionary(uniqueKeysWithValues: zip(labels, labels.indices))
        let constraints = try? TagConstraints(names: labels, scheme: .bio)
        let isBIO = constraints.map { constraints in
            all.allSatisfy { constraints.firstViolation(in: $0.tags.map { numbers[$0] ?? 0 }) == nil }
        }
        return LabelVocabulary(
            words: WordVocabulary(
                ofWords: split.training.lazy.flatMap(\.words), leastCount: values.integer("least_count")),
            labels: labels, isBIO: isBIO ?? false)
    }

    package func task(
        _ data: LabelData<TaggedSentence>, _ values: RecipeValues, seed: UInt64
    ) throws(RecipeError) -> SequenceTaggerTask {
        let vocabulary = data.vocabulary
        let labels = Dictionary(uniqueKeysWithValues: zip(vocabulary.labels, vocabulary.labels.indices))
        func examples(_ sentences: [TaggedSentence]) -> [TaggedSequence] {
            sentences.map { sentence in
                TaggedSequence(
                    .tokens(sentence.words.map { vocabulary.words.number(of: $0) }),
                    tags: sentence.tags.map { labels[$0] ?? -1 })
            }
        }
        do {
            var generator = RandomGenerator(seed: 0)
            return try SequenceTaggerTask(
                training: examples(data.training), validation: examples(data.heldOut),
                for: model(values, vocabulary, using: &generator), size: .sequences(values.integer("batch")), seed: seed
            )
        } catch {
            throw RecipeError("\(data.source): \(error)")
        }
    }

    package func model(
        _ values: RecipeValues, _ vocabulary: LabelVocabulary, using generator: inout RandomGenerator
    ) throws(ModelError) -> SequenceTagger {
        let constraints = vocabulary.isBIO ? try? TagConstraints(names: vocabulary.labels, scheme: .bio) : nil
        return try SequenceTagger(
            SequenceTaggerSettings(
                encoder: values.encoder(vocabulary), tags: vocabulary.labels.count,
                decision: values.word("decision") == "crf"
                    ? .conditionalRandomField(forbidding: constraints) : .independent),
            using: &generator)
    }

    package func leastFloats(_ values: RecipeValues, _ vocabulary: LabelVocabulary) -> (weights: Double, step: Double) {
        values.leastFloats(vocabulary)
    }

    package func contents(_ model: SequenceTagger, _ vocabulary: LabelVocabulary) -> any TrainedContents {
        TaggerContents(model: model, vocabulary: vocabulary)
    }

    package func commandToTry(_ data: LabelData<TaggedSentence>) -> [String] {
        ["tag", data.heldOut.first?.words.joined(separator: " ") ?? ""]
    }

    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let trial = try await trials.train(self)
        let (scores, impossible) = try trial.spans()
        return RecipeResult(figures: [
            Figure("F1 of held-out spans", scores.f1, atLeast: 0.98),
            Figure("held-out tag sequences that BIO forbids", Double(impossible), atMost: 0),
            Figure(
                "share of ambiguous words that their commonest tag gets right: all that the word alone tells",
                WordAlone(trial.data.training).accuracy(on: trial.data.heldOut, CompanySentences.ambiguousNames),
                atMost: 0.65),
        ])
    }
}

extension Trial where R == TaggerRecipe {
    /// The scores of the spans in held-out sentences, and the number of sequences that the scheme forbids.
    func spans() throws -> (scores: SpanScores, impossible: Int) {
        let labels = data.vocabulary.labels
        let constraints = try TagConstraints(names: labels, scheme: .bio)
        let sentences = data.heldOut.map { $0.words.map { data.vocabulary.words.number(of: $0) } }
        var (scores, impossible) = (SpanScores(), 0)
        for (sentence, tags) in zip(data.heldOut, try model.tags(of: sentences)) {
            if constraints.firstViolation(in: tags) != nil { impossible += 1 }
            scores.add(
                found: SpanScores.Span.inTags(tags.map { labels[$0] }), expected: SpanScores.Span.inTags(sentence.tags))
        }
        return (scores, impossible)
    }
}

/// The commonest tag of each word: the best that a model of the word alone can do.
private struct WordAlone {
    private var commonest: [String: String] = [:]

    init(_ sentences: [TaggedSentence]) {
        var counts: [String: [String: Int]] = [:]
        for sentence in sentences {
            for (word, tag) in zip(sentence.words, sentence.tags) { counts[word, default: [:]][tag, default: 0] += 1 }
        }
        commonest = counts.mapValues { tags in tags.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? "O" }
    }

    func accuracy(on sentences: [TaggedSentence], _ words: [String]) -> Double {
        let asked = Set(words)
        var (right, all) = (0, 0)
        for sentence in sentences {
            for (word, tag) in zip(sentence.words, sentence.tags) where asked.contains(word) {
                all += 1
                if commonest[word] == tag { right += 1 }
            }
        }
        return Double(right) / Double(all)
    }
}
