internal import HeedPlatform
import HeedTensor

/// The numbers of right predictions of a classifier, class by class, added up batch by batch.
///
///     var scores = ClassificationScores(classes: tags.count)
///     scores.add(predicted: [1, 0, 2], targets: [1, 2, 2])
///     scores.accuracy        // 0.667
///     scores.macroF1
public struct ClassificationScores: Sendable, Equatable {
    /// The confusion matrix: `confusion[target][predicted]` is a number of predictions.
    public private(set) var confusion: [[Int]]

    /// Makes scores for a number of classes, without predictions.
    public init(classes: Int) {
        require(classes > 0, "ClassificationScores: \(classes) classes")
        confusion = Array(repeating: Array(repeating: 0, count: classes), count: classes)
    }

    /// Counts predictions against their targets. Pairs whose target is `ignoring` are skipped.
    public mutating func add(predicted: [Int], targets: [Int], ignoring ignored: Int? = nil) {
        require(
            predicted.count == targets.count,
            "ClassificationScores.add: \(predicted.count) predictions of \(targets.count) targets")
        for (prediction, target) in zip(predicted, targets) where target != ignored {
            require(
                confusion.indices.contains(prediction) && confusion.indices.contains(target),
                "ClassificationScores.add: prediction \(prediction) of target \(target) among \(confusion.count) classes"
            )
            confusion[target][prediction] += 1
        }
    }

    /// The number of predictions counted.
    public var total: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }

    private var right: Int { confusion.indices.reduce(0) { $0 + confusion[$1][$1] } }

    /// The share of predictions that were right; 0 if there are none.
    public var accuracy: Double { Self.ratio(right, total) }

    /// Returns the share of right predictions among all predictions of a class; 0 if it was never predicted.
    public func precision(of index: Int) -> Double {
        Self.ratio(confusion[index][index], confusion.reduce(0) { $0 + $1[index] })
    }

    /// Returns the share of right predictions among all targets of a class; 0 if it was never a target.
    public func recall(of index: Int) -> Double { Self.ratio(confusion[index][index], confusion[index].reduce(0, +)) }

    /// Returns `2 precision recall / (precision + recall)` of a class; 0 if both are 0.
    public func f1(of index: Int) -> Double {
        Self.ratio(2 * confusion[index][index], confusion[index].reduce(0, +) + confusion.reduce(0) { $0 + $1[index] })
    }

    /// The mean of ``f1(of:)`` over the classes that were a target or predicted.
    public var macroF1: Double {
        let present = confusion.indices.filter { index in
            confusion[index].contains { $0 > 0 } || confusion.contains { $0[index] > 0 }
        }
        return present.isEmpty ? 0 : present.reduce(0) { $0 + f1(of: $1) } / Double(present.count)
    }

    private static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}

/// Scores of spans, e.g. of named entities. A span is right if its beginning, its end and its label are right.
///
/// Source: Tjong Kim Sang and De Meulder, "Introduction to the CoNLL-2003 shared task" (2003).
public struct SpanScores: Sendable, Equatable {
    /// A labelled stretch of a sequence.
    public struct Span: Sendable, Hashable {
        /// The positions that belong to the span.
        public let range: Range<Int>
        /// The kind of span.
        public let label: String

        /// Makes a span.
        public init(_ range: Range<Int>, label: String) {
            self.range = range
            self.label = label
        }

        /// Returns the spans that tags of the form `B-X`, `I-X`, `O` mark. An `I-X` that continues nothing begins a
        /// span, as in conlleval.
        public static func inTags(_ tags: [String]) -> [Span] {
            var spans: [Span] = []
            var open: (start: Int, label: String)?
            for (index, tag) in tags.enumerated() {
                let label =
                    tag.count > 2 && (tag.hasPrefix("B-") || tag.hasPrefix("I-")) ? String(tag.dropFirst(2)) : nil
                if let begun = open, tag.hasPrefix("B-") || label != begun.label {
                    spans.append(Span(begun.start..<index, label: begun.label))
                    open = nil
                }
                if let label, open == nil { open = (index, label) }
            }
            if let open { spans.append(Span(open.start..<tags.count, label: open.label)) }
            return spans
        }
    }

    /// The numbers of spans that were found, that were expected, and that were found rightly.
    public private(set) var found = 0, expected = 0, right = 0

    /// Makes a value without counts.
    public init() {}

    /// Counts the spans of one sequence.
    public mutating func add(found spans: [Span], expected targets: [Span]) {
        found += spans.count
        expected += targets.count
        right += Set(spans).intersection(targets).count
    }

    /// The share `right / found`; 0 if nothing was found.
    public var precision: Double { found == 0 ? 0 : Double(right) / Double(found) }
    /// The share `right / expected`; 0 if there was nothing to find.
    public var recall: Double { expected == 0 ? 0 : Double(right) / Double(expected) }
    /// `2 right / (found + expected)`; 0 if both are 0.
    public var f1: Double { found + expected == 0 ? 0 : 2 * Double(right) / Double(found + expected) }
}

/// A mean of losses, each weighted by its number of targets.
public struct MeanLoss: Sendable, Equatable {
    private var sum = 0.0
    private var weight = 0.0
    /// The number of targets counted.
    public private(set) var count = 0

    /// Makes a value without counts.
    public init() {}

    /// Adds a mean over `count` targets. A mean over no targets has no effect.
    ///
    /// - Parameter weight: The divisor of the mean, if that is not the number of targets, e.g. the sum of their
    ///   classes' weights.
    public mutating func add(mean: Double, count: Int, weight: Double? = nil) {
        let weight = weight ?? Double(count)
        require(count >= 0, "MeanLoss.add: \(count) targets")
        require(weight >= 0 && weight.isFinite, "MeanLoss.add: a weight of \(weight)")
        self.count += count
        // Not multiplied by 0: the mean of nothing may be NaN.
        guard weight > 0 else { return }
        sum += mean * weight
        self.weight += weight
    }

    /// The mean over all targets, in nats if the losses are cross-entropies; NaN if there are none.
    public var mean: Double { sum / weight }
    /// `e^mean`: a model of this cross-entropy is as uncertain as over this many equally likely choices.
    public var perplexity: Double { exp(mean) }
    /// `mean / ln 2`: the bits per target.
    public var bits: Double { mean / log(2) }
}

/// Returns the share of sequences that are equal from the first to the last element; 0 if there are none.
public func exactMatch<Element: Equatable>(_ predicted: [[Element]], _ targets: [[Element]]) -> Double {
    require(
        predicted.count == targets.count, "exactMatch: \(predicted.count) predictions of \(targets.count) targets")
    guard !targets.isEmpty else { return 0 }
    return Double(zip(predicted, targets).count { $0 == $1 }) / Double(targets.count)
}
