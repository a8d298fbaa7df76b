import Heed

// Fits a curve through points of which one in ten is wrong, with a layer and a loss of one's own.

let count = 200
let x = (0..<count).map { 2 * Float($0) / Float(count) - 1 }
let curve = x.map { $0 * $0 - 0.5 * $0 }
let points = curve.enumerated().map { $0.offset % 10 == 3 ? $0.element + 20 : $0.element }
let inputs = Tensor(x, shape: [count, 1])

/// Trains a network with this loss; the largest distance from the curve.
func fit(_ loss: (Variable, Tensor) -> Variable) throws -> Float {
    RandomGenerator.seedDefault(1)
    var network = Sequential(GatedLayer(inputSize: 1, outputSize: 16), Linear(inputSize: 16, outputSize: 1))
    var optimizer = try OptimizerState(.adamW(weightDecay: .none))
    for step in 0..<600 {
        let (_, gradients) = valueAndGradient(of: network) { context in
            loss(network(Variable(inputs), in: context), Tensor(points, shape: [count, 1]))
        }
        try optimizer.update(&network, gradients: gradients, rate: step < 400 ? 0.02 : 0.002)
    }
    let fitted = network(Variable(inputs), in: Context()).value.elements
    return zip(fitted, curve).map { abs($0 - $1) }.max() ?? 0
}

let robust = try fit { huber($0, targets: $1, delta: 0.1) }
let squared = try fit { squaredError($0, targets: $1) }
print("with Huber's loss the fit stays within 0.2 of the curve: \(robust < 0.2)")
print("with the squared error it is drawn away by more than 1: \(squared > 1)")
