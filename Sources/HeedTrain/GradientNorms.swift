import HeedAutograd
import HeedJSON
import HeedTensor

/// The norms of the gradients of a step, part by part, before they are clipped. They show a layer that does not learn,
/// and gradients that vanish or explode through time (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio
/// 2013).
///
/// If batches are accumulated, they are the norms of the gradient of the mean loss over the targets of all batches.
public struct GradientNorms: Sendable, Equatable {
    /// The norm of one weight's gradient.
    public struct Parameter: Sendable, Equatable {
        /// The name of the weight.
        public let name: String
        /// `|dL/dw|`, the square root of the sum of squares.
        public let norm: Double
    }

    /// The norms of the gradients of one recurrent layer's hidden states.
    public struct States: Sendable, Equatable {
        /// The name of the layer's recurrent weight: `lstm.weight_hh_l0`.
        public let name: String
        /// `norms[t] = |dL/dh_t|` over batch and units, including the effect of all steps after `t`. Step `t` belongs
        /// to input `t`. A cell that is applied step by step has one list of all its steps.
        public let norms: [Double]
    }

    /// The norms of every trained weight, in the model's order. The squares add up to the square of
    /// ``StepReport/gradientNorm``.
    public let parameters: [Parameter]
    /// The norms of every recurrent layer of the pass, in order, except layers whose recurrent weight is not trained.
    public let states: [States]

    /// Returns the norm of all gradients of a module, given by the beginning of its weights' names: `blocks.0`.
    public func norm(ofModule prefix: String) -> Double {
        let members = parameters.filter { $0.name == prefix || $0.name.hasPrefix(prefix + ".") }
        return members.reduce(0) { $0 + $1.norm * $1.norm }.squareRoot()
    }

    /// The norms as JSON: `{"gradient_norms": {"lstm.weight_ih_l0": 0.12, ...}, "state_gradient_norms":
    /// {"lstm.weight_hh_l0": [1e-5, ...]}}`, the latter if there are any.
    public var json: JSONObject {
        var object = JSONObject()
        var weights = JSONObject()
        for parameter in parameters { weights[parameter.name] = JSONValue(parameter.norm) }
        object["gradient_norms"] = .object(weights)
        guard !states.isEmpty else { return object }
        var layers = JSONObject()
        for layer in states { layers[layer.name] = .array(layer.norms.map { JSONValue($0) }) }
        object["state_gradient_norms"] = .object(layers)
        return object
    }
}

/// Adds up the numbers of ``GradientNorms``, batch by batch.
struct GradientNormSums {
    private let names: [String]
    private var layers: [(name: String, squares: [Double])] = []

    /// - Parameter names: The names of the weights whose gradients are computed, in order.
    init(names: [String]) { self.names = names }

    /// Adds the states of one pass, whose loss counts `weight` times.
    mutating func add(_ gradients: [StateGradient], weight scale: Double) {
        var found: [(name: String, squares: [Double])] = []
        for gradient in gradients {
            guard let weight = gradient.weight else { continue }
            let squares = gradient.norms.map { ($0 * scale) * ($0 * scale) }
            if let place = found.firstIndex(where: { $0.name == names[weight] }) {
                found[place].squares += squares
            } else {
                found.append((names[weight], squares))
            }
        }
        for (name, squares) in found {
            guard let place = layers.firstIndex(where: { $0.name == name }) else {
                layers.append((name, squares))
                continue
            }
            let missing = max(0, squares.count - layers[place].squares.count)
            layers[place].squares += repeatElement(0, count: missing)
            for (step, square) in squares.enumerated() { layers[place].squares[step] += square }
        }
    }

    /// The norms of the mean over all targets: `scale` times those of the sums of gradients.
    func norms(ofSums sums: [Tensor], scale: Double) -> GradientNorms {
        GradientNorms(
            parameters: zip(names, sums).map { name, sum in
                GradientNorms.Parameter(name: name, norm: OptimizerStep.gradientNorm([sum]).norm * scale)
            },
            states: layers.map { layer in
                GradientNorms.States(
                    name: layer.name, norms: layer.squares.map { $0.squareRoot() * scale })
            })
    }
}
