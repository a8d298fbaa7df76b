import HeedAutograd
import HeedNN
import HeedTensor

/// The dimensions of a ``SequenceRegressor``.
public struct SequenceRegressorSettings: Sendable, Equatable {
    /// The part that reads the sequence.
    public var encoder: RecurrentEncoderSettings
    /// The number of values that are estimated.
    public var outputs: Int

    /// Makes settings with these dimensions.
    public init(encoder: RecurrentEncoderSettings, outputs: Int = 1) {
        (self.encoder, self.outputs) = (encoder, outputs)
    }

    /// Checks the dimensions.
    ///
    /// - Throws: ``ModelError``, which names a wrong dimension and what it must be.
    public func check() throws(ModelError) {
        try encoder.check()
        guard outputs > 0 else { throw ModelError("outputs is \(outputs), not at least 1") }
        let parameters = Double(outputs) * Double(encoder.outputSize)
        guard parameters < 1e10 else { throw ModelError("\(parameters) parameters are more than fit in memory") }
    }
}

/// A recurrent network that estimates numbers from a sequence (many to one), such as the sum of some of its elements:
/// `y = W h + b` with the encoder's last state `h`.
///
/// Parameters: those of ``RecurrentEncoder``, `output` (``Linear``).
public struct SequenceRegressor: Module {
    /// The dimensions of the model.
    public let settings: SequenceRegressorSettings
    var encoder: RecurrentEncoder
    var output: Linear

    /// Makes a model with random weights.
    ///
    /// - Throws: ``ModelError`` for invalid dimensions.
    public init(_ settings: SequenceRegressorSettings, using generator: inout RandomGenerator) throws(ModelError) {
        try settings.check()
        self.settings = settings
        encoder = RecurrentEncoder(settings.encoder, using: &generator)
        output = Linear(inputSize: settings.encoder.outputSize, outputSize: settings.outputs, using: &generator)
    }

    /// Makes it with weights from the default source of random numbers, ``RandomGenerator/init()``.
    ///
    /// - Throws: ``ModelError`` for dimensions that give none.
    public init(_ settings: SequenceRegressorSettings) throws(ModelError) {
        var generator = RandomGenerator()
        try self.init(settings, using: &generator)
    }

    public mutating func visitParameters(_ visit: ParameterVisitor) {
        visit(&encoder)
        visit("output", &output)
    }

    /// Returns the values that are estimated of each sequence, `[batch, outputs]`.
    public func callAsFunction(_ batch: SequenceBatch, in context: Context) -> Variable {
        let encoded = encoder(batch, in: context)
        return output(encoded.lastOutput(directions: settings.encoder.isBidirectional ? 2 : 1), in: context)
    }
}
