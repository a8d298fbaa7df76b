import Foundation
import HeedAutograd
import HeedModels
import HeedNN
import HeedTensor
import HeedTestSupport
import HeedTrain
import Testing

/// Encoder-decoder systems against their formulas, computed by hand in double precision from the weights, step by step.
@Suite("Formulas of encoder-decoder systems")
struct Seq2SeqFormulaTests {
    typealias Vector = [Double]
    static let source: [Int32] = [3, 7, 12, 5], target: [Int32] = [1, 6, 9]

    /// A model's weights by name, and what can be computed with them.
    struct Weights {
        let all: [String: Tensor]

        func vector(_ name: String) -> Vector { (all[name]?.elements ?? []).map { Double($0) } }
        func rows(_ name: String) -> [Vector] {
            guard let matrix = all[name] else { return [] }
            return (0..<matrix.shape[0]).map { matrix.selecting(axis: 0, index: $0).elements.map { Double($0) } }
        }
        func product(_ name: String, _ x: Vector) -> Vector { rows(name).map { Seq2SeqFormulaTests.dot($0, x) } }
        func linear(_ name: String, _ x: Vector) -> Vector {
            let y = product("\(name).weight", x)
            return all["\(name).bias"] == nil ? y : Seq2SeqFormulaTests.sum(y, vector("\(name).bias"))
        }
        /// One step of all layers of a plain recurrent network: the states of each, from the first to the last.
        func step(_ name: String, _ x: Vector, _ states: [Vector]) -> [Vector] {
            var input = x
            return states.enumerated().map { layer, h in
                func part(_ kind: String, _ x: Vector) -> Vector {
                    Seq2SeqFormulaTests.sum(
                        product("\(name).weight_\(kind)_l\(layer)", x), vector("\(name).bias_\(kind)_l\(layer)"))
                }
                input = Seq2SeqFormulaTests.sum(part("ih", input), part("hh", h)).map { tanh($0) }
                return input
            }
        }
        /// The encoder's states after each token.
        func encoded(_ source: [Int32]) -> [[Vector]] {
            var states = Seq2SeqFormulaTests.zeros
            return source.map { id in
                states = step("encoder", rows("source.weight")[Int(id)], states)
                return states
            }
        }
    }

    static let layers = 2
    static let zeros = [Vector](repeating: Vector(repeating: 0, count: 12), count: layers)

    static func dot(_ x: Vector, _ y: Vector) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
    static func sum(_ x: Vector, _ y: Vector) -> Vector { zip(x, y).map { $0 + $1 } }
    static func mean(_ vectors: [Vector], _ weights: Vector) -> Vector {
        vectors[0].indices.map { place in zip(vectors, weights).reduce(0) { $0 + $1.0[place] * $1.1 } }
    }
    static func attention(_ keys: [Vector], _ scores: Vector) -> Vector {
        let total = scores.reduce(0) { $0 + exp($1) }
        return mean(keys, scores.map { exp($0) / total })
    }

    func check(_ model: some Seq2SeqModel, _ expected: [Vector], _ name: String) {
        let logits = model(
            PaddedBatch([Self.source], padding: 0), target: IndexTensor(Self.target, shape: [1, 3]), in: Context())
        #expect(normwiseError(logits.value.elements, expected.flatMap(\.self)) < 2e-6, "\(name)")
    }

    @Test(arguments: Seq2SeqFixedContextSettings.Bridge.allCases)
    func aFixedContext(_ bridge: Seq2SeqFixedContextSettings.Bridge) throws {
        let model = try Seq2SeqTests.fixedContext(bridge, layers: Self.layers, cell: .rnn())
        let weights = Weights(all: model.weights)
        let encoded = weights.encoded(Self.source)
        let h = encoded.map { $0[Self.layers - 1] }
        var states = bridge == .lastState ? encoded[3] : Self.zeros
        let summary = bridge == .mapOfAllStates ? Self.mean(h, [0.25, 0.25, 0.25, 0.25]) : h[3]
        let given = bridge == .lastState ? [] : weights.linear("bridge", summary).map { tanh($0) }
        let expected = Self.target.map { id in
            states = weights.step("decoder", weights.rows("target.weight")[Int(id)] + given, states)
            return weights.linear("output", states[Self.layers - 1])
        }
        check(model, expected, "\(bridge)")
    }

    @Test(arguments: GlobalAttention.Score.allCases, [false, true])
    func luong(_ score: GlobalAttention.Score, _ feedsInput: Bool) throws {
        let model = try Seq2SeqTests.luong(score, layers: Self.layers, cell: .rnn(), feedsInput: feedsInput)
        let weights = Weights(all: model.weights)
        let encoded = weights.encoded(Self.source)
        let h = encoded.map { $0[Self.layers - 1] }
        var states = encoded[3]
        var attended = Vector(repeating: 0, count: 12)
        let expected = Self.target.map { id in
            states = weights.step(
                "decoder", weights.rows("target.weight")[Int(id)] + (feedsInput ? attended : []), states)
            let state = states[Self.layers - 1]
            let scores = h.map { key in
                switch score {
                case .dot: Self.dot(state, key)
                case .general: Self.dot(state, weights.product("attention.weight", key))
                case .concat:
                    Self.dot(
                        weights.vector("attention.score_weight"),
                        Self.sum(
                            weights.product("attention.query_weight", state),
                            weights.product("attention.key_weight", key)
                        ).map { tanh($0) })
                }
            }
            attended = weights.linear("combination", Self.attention(h, scores) + state).map { tanh($0) }
            return weights.linear("output", attended)
        }
        check(model, expected, "\(score), \(feedsInput)")
    }

    @Test(arguments: [false, true]) func bahdanau(_ feedsInput: Bool) throws {
        let model = try Seq2SeqTests.bahdanau(layers: Self.layers, cell: .rnn(), feedsInput: feedsInput)
        let weights = Weights(all: model.weights)
        let encoded = weights.encoded(Self.source)
        let h = encoded.map { $0[Self.layers - 1] }
        var states = encoded[3]
        func found(_ query: Vector) -> Vector {
            Self.attention(
                h,
                h.map { key in
                    Self.dot(
                        weights.vector("attention.score_weight"),
                        Self.sum(
                            weights.product("attention.query_weight", query),
                            weights.product("attention.key_weight", key)
                        ).map { tanh($0) })
                })
        }
        let expected = Self.target.map { id in
            let vector = weights.rows("target.weight")[Int(id)]
            let before = found(states[Self.layers - 1])
            states = weights.step("decoder", vector + (feedsInput ? before : []), states)
            let state = states[Self.layers - 1]
            return weights.linear("output", state + (feedsInput ? before : found(state)))
        }
        check(model, expected, "\(feedsInput)")
    }
}
