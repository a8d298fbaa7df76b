import HeedData
import HeedFiles
import HeedModels
import HeedTensor

/// Pairs of a text and the text that it is turned into.
package struct PairData: RecipeData {
    package let training: [TextPair]
    package let heldOut: [TextPair]
    package let vocabulary: PairVocabulary
    package let source: String
    package let digest: String

    /// The bytes of its texts and tokens, roughly.
    package var bytes: Double {
        Double((training + heldOut).reduce(0) { $0 + 5 * ($1.source.utf8.count + $1.target.utf8.count) + 64 })
    }

    package init(
        _ split: DataSplit<TextPair>, vocabulary: PairVocabulary?,
        units: (source: PairSide.Unit, target: PairSide.Unit),
        source: String
    ) {
        (training, heldOut, self.source) = (split.training, split.heldOut, source)
        self.vocabulary =
            vocabulary
            ?? PairVocabulary(
                source: PairSide(of: split.training.map(\.source), unit: units.source),
                target: PairSide(of: split.training.map(\.target), unit: units.target))
        digest = Self.digest(split)
    }

    /// SHA-256 of all pairs, as a file of them would have it.
    private static func digest(_ split: DataSplit<TextPair>) -> String {
        var digest = SHA256()
        for pair in split.training + split.heldOut {
            let line = Array("\(pair.source)\t\(pair.target)\n".utf8)
            line.withUnsafeBytes { digest.update($0) }
        }
        return digest.hexadecimal()
    }

    func encoded(_ pairs: [TextPair]) -> [SequencePair] {
        pairs.map {
            SequencePair(source: vocabulary.source.encode($0.source), target: vocabulary.target.encode($0.target))
        }
    }
}

extension DataSplit {
    /// Holds out every tenth example of a file, from the fifth on, so that both parts are spread over all of it.
    init(everyTenthOf examples: [Example]) {
        var (training, heldOut): ([Example], [Example]) = ([], [])
        for (index, example) in examples.enumerated() {
            if index % 10 == 4 { heldOut.append(example) } else { training.append(example) }
        }
        self.init(training: training, heldOut: heldOut)
    }
}
