import HeedTensor

/// Chooses the next token from a model's logits.
///
/// The logits are divided by the temperature. The tokens are sorted by logit, and the first `topK` are kept; of those,
/// the fewest are kept whose probabilities together reach `topP` (nucleus sampling: Holtzman et al. 2020). One of the
/// kept tokens is drawn by its probability. At a temperature of 0 the highest logit wins. Of equal logits the lower
/// token comes first.
public struct TokenSampler: Sendable, Equatable {
    /// The divisor of the logits: 0 always takes the highest logit, 1 draws by the model's probabilities, and more
    /// makes them more even.
    public let temperature: Double
    /// The most tokens to draw from; nil for all.
    public let topK: Int?
    /// The probability that the tokens to draw from reach together; 1 for all.
    public let topP: Double

    /// The sampler that always takes the highest logit.
    public static let greedy = TokenSampler(uncheckedTemperature: 0, topK: nil, topP: 1)

    private init(uncheckedTemperature temperature: Double, topK: Int?, topP: Double) {
        (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
    }

    /// Makes a sampler.
    ///
    /// - Throws: ``ModelError`` for a temperature that is negative or not finite, a `topK` below 1 or a `topP` outside
    ///   of (0, 1].
    public init(temperature: Double, topK: Int? = nil, topP: Double = 1) throws(ModelError) {
        guard temperature >= 0, temperature.isFinite else {
            throw ModelError("the temperature is \(temperature), not a finite number from 0")
        }
        if let topK, topK < 1 { throw ModelError("top-k is \(topK), not at least 1") }
        guard topP > 0, topP <= 1 else { throw ModelError("top-p is \(topP), not above 0 and at most 1") }
        self.init(uncheckedTemperature: temperature, topK: topK, topP: topP)
    }

    /// Chooses a token by the logits of all tokens.
    ///
    /// - Throws: ``ModelError`` if a logit is NaN or plus infinity, or none is above minus infinity: then the model is
    ///   broken.
    public func sample(_ logits: [Float], using generator: inout RandomGenerator) throws(ModelError) -> Int {
        var scratch = Scratch()
        return try logits.withUnsafeBufferPointer { logits throws(ModelError) in
            try sample(logits, using: &generator, &scratch)
        }
    }

    /// Memory that is reused from draw to draw.
    struct Scratch {
        fileprivate var weights: [Float] = []
        fileprivate var kept: [Int32] = []
    }

    /// ``sample(_:using:)`` without taking memory in steady state.
    func sample(
        _ logits: UnsafeBufferPointer<Float>, using generator: inout RandomGenerator, _ scratch: inout Scratch
    ) throws(ModelError) -> Int {
        let best = try Self.best(logits)
        if temperature == 0 { return best }
        weigh(logits, logits[best], &scratch.weights)
        let weights = scratch.weights
        return weights.withUnsafeBufferPointer { weights in
            let limit = min(topK ?? logits.count, logits.count)
            guard limit < logits.count || topP < 1 else {
                return Self.draw(logits.indices, weights, total: Self.total(weights), generator.uniform())
            }
            let mass = collect(logits, weights, limit, &scratch.kept)
            let total = cutNucleus(weights, of: mass, &scratch.kept)
            return Self.draw(scratch.kept.lazy.map { Int($0) }, weights, total: total, generator.uniform())
        }
    }

    /// The first of the highest logits.
    private static func best(_ logits: UnsafeBufferPointer<Float>) throws(ModelError) -> Int {
        // Several at once: a model has tens of thousands of tokens.
        var highest = SIMD8<Float>(repeating: -.infinity)
        var areBelowInfinity = SIMDMask<SIMD8<Int32>>(repeating: true)
        let whole = logits.count / 8 * 8
        for first in stride(from: 0, to: whole, by: 8) {
            let eight = UnsafeRawPointer(logits.baseAddress! + first).loadUnaligned(as: SIMD8<Float>.self)
            highest.replace(with: eight, where: eight .> highest)
            areBelowInfinity = areBelowInfinity .& (eight .< .infinity)
        }
        var (most, isFine) = (highest.max(), all(areBelowInfinity))
        for logit in logits[whole...] {
            if logit > most { most = logit }
            isFine = isFine && logit < .infinity
        }
        guard isFine else {
            let index = logits.firstIndex { !($0 < .infinity) } ?? 0
            throw ModelError(
                "the model's logit of token \(index) is \(logits[index].isNaN ? "nan" : "\(logits[index])")")
        }
        guard most > -.infinity, let best = logits.firstIndex(of: most) else {
            throw ModelError("the model gives no token a logit")
        }
        return best
    }

    /// Computes the weights: `weights[i] = exp((logits[i] - best) / temperature)`.
    private func weigh(_ logits: UnsafeBufferPointer<Float>, _ best: Float, _ weights: inout [Float]) {
        if weights.count != logits.count { weights = [Float](repeating: 0, count: logits.count) }
        weights.withUnsafeMutableBufferPointer { weights in
            for index in logits.indices {
                weights[index] = Float(Double(logits[index] - best) / temperature)
            }
            activate(weights, .exponential)
        }
    }

    private static func total(_ weights: UnsafeBufferPointer<Float>) -> Double {
        weights.reduce(0) { $0 + Double($1) }
    }

    /// Collects the tokens that top-k keeps, the highest logit first; without top-k, the tokens that can belong to the
    /// nucleus. Returns the sum of weights of which the nucleus is a share.
    private func collect(
        _ logits: UnsafeBufferPointer<Float>, _ weights: UnsafeBufferPointer<Float>, _ limit: Int, _ kept: inout [Int32]
    ) -> Double {
        kept.removeAll(keepingCapacity: true)
        let mass: Double
        if limit < logits.count {
            Self.collectHighest(limit, logits, &kept)
            mass = kept.reduce(0) { $0 + Double(weights[Int($1)]) }
        } else {
            mass = Self.total(weights)
            // All tokens below this weight have less than 1 - topP together, so that the rest reaches topP.
            let least = (1 - topP) * mass / Double(logits.count)
            for token in weights.indices where Double(weights[token]) >= least { kept.append(Int32(token)) }
        }
        kept.sort { logits[Int($0)] == logits[Int($1)] ? $0 < $1 : logits[Int($0)] > logits[Int($1)] }
        return mass
    }

    /// Collects the `limit` tokens that come first, in a heap with the last of them at its root: a token that comes
    /// after it costs one comparison.
    private static func collectHighest(_ limit: Int, _ logits: UnsafeBufferPointer<Float>, _ heap: inout [Int32]) {
        func isBehind(_ left: Int32, _ right: Int32) -> Bool {
            logits[Int(left)] == logits[Int(right)] ? left > right : logits[Int(left)] < logits[Int(right)]
        }
        heap += 0..<Int32(limit)
        heap.sort(by: isBehind)  // which is a heap
        for token in limit..<logits.count where logits[token] > logits[Int(heap[0])] {
            var place = 0
            while 2 * place + 1 < limit {
                var child = 2 * place + 1
                if child + 1 < limit, isBehind(heap[child + 1], heap[child]) { child += 1 }
                guard isBehind(heap[child], Int32(token)) else { break }
                heap[place] = heap[child]
                place = child
            }
            heap[place] = Int32(token)
        }
    }

    /// Keeps the fewest tokens, from the first on, whose weights reach `topP` of `mass`. Returns the sum of their
    /// weights.
    private func cutNucleus(_ weights: UnsafeBufferPointer<Float>, of mass: Double, _ kept: inout [Int32]) -> Double {
        guard topP < 1 else { return mass }
        var sum = 0.0
        for (position, token) in kept.enumerated() {
            sum += Double(weights[Int(token)])
            if sum >= topP * mass {
                kept.removeSubrange((position + 1)...)
                break
            }
        }
        return sum
    }

    /// Returns the token at which the sum of weights reaches `uniform` of the whole.
    private static func draw(
        _ tokens: some Sequence<Int>, _ weights: UnsafeBufferPointer<Float>, total: Double, _ uniform: Double
    ) -> Int {
        var rest = uniform * total
        var last = 0
        for token in tokens where weights[token] > 0 {
            if rest < Double(weights[token]) { return token }
            rest -= Double(weights[token])
            last = token
        }
        // The remainder of rounding.
        return last
    }
}
