import HeedData
import HeedModels
import HeedPlot
import HeedTensor
import HeedTrain

/// How many targets were right, by the length of their sources.
struct ExactByLength: Sendable {
    private var counts: [Int: (right: Int, all: Int)] = [:]

    mutating func add(length: Int, isRight: Bool) {
        counts[length, default: (0, 0)].all += 1
        if isRight { counts[length, default: (0, 0)].right += 1 }
    }

    /// The share of all that were right; NaN if there are none.
    var share: Double { share(of: 0...Int.max) }

    /// Returns the share of those in a range of lengths that were right.
    func share(of lengths: ClosedRange<Int>) -> Double {
        var (right, all) = (0, 0)
        for (length, count) in counts where lengths.contains(length) {
            right += count.right
            all += count.all
        }
        return Double(right) / Double(all)
    }

    /// The share in groups of four lengths, at their middles.
    var points: [CurvePlot.Point] {
        let longest = counts.keys.max() ?? 0
        return stride(from: 1, through: longest, by: 4).compactMap { first in
            let share = share(of: first...first + 3)
            return share.isNaN ? nil : CurvePlot.Point(Double(first) + 1.5, 100 * share)
        }
    }
}

extension Trial where R: PairRecipe {
    /// Translates the held-out sources greedily and compares whole targets.
    func exactByLength() throws(ModelError) -> ExactByLength {
        var exact = ExactByLength()
        let pairs = data.encoded(data.heldOut)
        for begin in stride(from: 0, to: pairs.count, by: Self.sourcesAtOnce) {
            let part = pairs[begin..<min(begin + Self.sourcesAtOnce, pairs.count)]
            let found = try model.greedyTargets(of: part.map(\.source), longest: values.integer("longest"))
            for (pair, target) in zip(part, found) {
                exact.add(length: pair.source.count, isRight: target == pair.target)
            }
        }
        return exact
    }

    private static var sourcesAtOnce: Int { 64 }
}

extension PairRecipe {
    /// Trains on reversed digits and measures exactness by length, at the lengths that the training has.
    func digits(_ trials: Trials) async throws -> (trial: Trial<Self>, exact: ExactByLength) {
        let trial = try await trials.train(self, standardValues.setting(["task": "digits"]))
        return (trial, try trial.exactByLength())
    }

    /// Short sources are exact, long ones are not: one context cannot hold them.
    package func judge(_ trials: Trials) async throws -> RecipeResult {
        let exact = try await digits(trials).exact
        let numbers = try await trials.train(self).exactByLength()
        return RecipeResult(
            figures: [
                Figure("digits reversed: share exact at lengths 5 to 8", exact.share(of: 5...8), atLeast: 0.95),
                Figure(
                    "digits reversed: share exact at lengths 33 to 40, for the curve falls", exact.share(of: 33...40),
                    atMost: 0.5),
                Figure("number words to digits: share exact", numbers.share, atLeast: 0.95),
            ],
            pictures: [(name, Self.plot([(name, exact)]))])
    }

    /// All lengths are exact, where one fixed context falls off.
    func judgeBesideFixedContext(_ trials: Trials) async throws -> RecipeResult {
        let digits = try await digits(trials)
        let fixed = try await FixedContextRecipe().digits(trials).exact
        let dates = try await trials.train(self, standardValues.setting(["task": "dates"]), steps: 600).exactByLength()
        var pictures = [(name, Self.plot([(name, digits.exact), (FixedContextRecipe().name, fixed)]))]
        if let source = digits.trial.data.heldOut.first(where: { $0.source.count == 12 }),
            let contents = digits.trial.contents as? any AnyTranslatorContents,
            let map = try contents.attention(from: source.source, to: nil, longest: 100)
        {
            pictures.append(
                (
                    "\(name)-attention",
                    HeatMap(
                        title: "\(name): where the decoder looks while it reverses \(source.source)", rows: map.rows,
                        columns: map.columns, weights: map.weights
                    ).document()
                ))
        }
        return RecipeResult(
            figures: [
                Figure("digits reversed: share exact at lengths 5 to 40", digits.exact.share, atLeast: 0.99),
                Figure("dates to ISO 8601: share exact", dates.share, atLeast: 0.99),
            ],
            pictures: pictures)
    }

    private static func plot(_ curves: [(name: String, exact: ExactByLength)]) -> String {
        CurvePlot(
            title: "Reversed digits: exact answers against length",
            series: curves.map { CurvePlot.Series($0.name, $0.exact.points, showsMarkers: true) },
            across: CurvePlot.Axis("digits"), up: CurvePlot.Axis("exact (%)", including: [0, 100])
        ).document()
    }
}
