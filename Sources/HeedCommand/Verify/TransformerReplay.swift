import Heed

extension CaseOperation {
    /// PyTorch's `nn.TransformerEncoderLayer`, forward and backward.
    static let transformerEncoderLayer = CaseOperation(
        replay: { input throws(CaseError) in
            let settings = try TransformerSettings(input, prefix: "")
            var generator = RandomGenerator(seed: 0)
            var layer = TransformerEncoderLayer(settings, using: &generator)
            var replay = LayerReplay(input)
            try replay.load(
                &layer, others: Set(["input"] + sourceMasks), attributes: layerAttributes.union(["causal"]))
            let value = try replay.leaf("input", [-1, -1, settings.embeddingSize])
            var masks = [try input.attendedTokens(sourceMasks, batch: value.shape[0], length: value.shape[1])]
            if try input.flag("causal") { masks.append(.causal(offset: 0)) }
            try input.requireOutput(value.shape)
            return try replay.answers(
                [("output", layer(value, mask: .all(masks), in: replay.context))], of: layer)
        },
        strict: nil)

    /// PyTorch's `nn.TransformerDecoderLayer`, its self-attention causal, forward and backward.
    static let transformerDecoderLayer = CaseOperation(
        replay: { input throws(CaseError) in
            let settings = try TransformerSettings(input, prefix: "")
            var generator = RandomGenerator(seed: 0)
            var layer = TransformerDecoderLayer(settings, using: &generator)
            var replay = LayerReplay(input)
            try replay.load(
                &layer, others: Set(["input", "memory", "padding_mask"] + targetMasks + memoryMasks),
                attributes: layerAttributes)
            let value = try replay.leaf("input", [-1, -1, settings.embeddingSize])
            let memory = try replay.leaf("memory", [value.shape[0], -1, settings.embeddingSize])
            let mask = try input.attendedTokens(
                ["padding_mask"] + targetMasks, batch: value.shape[0], length: value.shape[1])
            let memoryMask = try input.attendedTokens(memoryMasks, batch: value.shape[0], length: memory.shape[1])
            try input.requireOutput(value.shape)
            let output = layer(
                value, memory: memory, mask: .all([.causal(offset: 0), mask]), memoryMask: memoryMask,
                in: replay.context)
            return try replay.answers([("output", output)], of: layer)
        },
        strict: nil)

    /// PyTorch's `nn.Transformer` with a causal decoder, forward and backward.
    static let transformer = CaseOperation(
        replay: { input throws(CaseError) in
            let counts = (try input.positiveInteger("encoder_layers"), try input.positiveInteger("decoder_layers"))
            // Layers without weights in the file would be made in vain.
            guard max(counts.0, counts.1) <= input.file.entries.count else {
                throw .invalid("there are no weights for \(counts.0) and \(counts.1) layers")
            }
            let settings = try TransformerSettings(input, prefix: "encoder.layers.0.")
            let finalNorms = try input.attributes["final_norms"] == nil ? true : input.flag("final_norms")
            var generator = RandomGenerator(seed: 0)
            var model = Transformer(
                settings, encoderLayers: counts.0, decoderLayers: counts.1,
                finalNorms: finalNorms, using: &generator)
            var replay = LayerReplay(input)
            try replay.load(
                &model, others: Set(["source", "target"] + sourceMasks + targetMasks + memoryMasks),
                attributes: layerAttributes.union(["encoder_layers", "decoder_layers", "final_norms"]))
            let source = try replay.leaf("source", [-1, -1, settings.embeddingSize])
            let target = try replay.leaf("target", [source.shape[0], -1, settings.embeddingSize])
            let batch = source.shape[0]
            let sourceMask = try input.attendedTokens(sourceMasks, batch: batch, length: source.shape[1])
            let targetMask = try input.attendedTokens(targetMasks, batch: batch, length: target.shape[1])
            let memoryMask = try input.attendedTokens(memoryMasks, batch: batch, length: source.shape[1])
            try input.requireOutput(target.shape)
            // Part by part: in PyTorch the mask of the source hides nothing from the decoder.
            let memory = model.encoder(source, mask: sourceMask, in: replay.context)
            let output = model.decoder(
                target, memory: memory, mask: .all([.causal(offset: 0), targetMask]), memoryMask: memoryMask,
                in: replay.context)
            return try replay.answers([("output", output)], of: model)
        },
        strict: nil)

    // Padding masks under the format's names and those of PyTorch's arguments. A layer's own tokens are `padding_mask`;
    // the tokens that each attention of a Transformer sees have names of their own.
    private static let sourceMasks = ["padding_mask", "source_padding_mask", "src_key_padding_mask"]
    private static let targetMasks = ["target_padding_mask", "tgt_key_padding_mask"]
    private static let memoryMasks = ["memory_padding_mask", "memory_key_padding_mask"]

    private static let layerAttributes: Set = ["heads", "norm_first", "activation", "epsilon"]
}

extension TransformerSettings {
    /// The settings of the layer whose weights have this prefix, from the attributes and the shapes.
    fileprivate init(_ input: ConformanceCase, prefix: String) throws(CaseError) {
        let heads = try input.positiveInteger("heads")
        let (feedForward, width) = try input.matrixShape(prefix + "linear1.weight")
        guard width > 0, width.isMultiple(of: heads) else {
            throw .invalid("\(heads) heads do not divide a width of \(width)")
        }
        let name = try input.text("activation") ?? "relu"
        guard let activation = ["relu": Activation.relu, "gelu": .gelu][name] else {
            throw .unsupported("\(input.operation) with the activation \(JSONText.quoted(name)) is not supported")
        }
        let epsilon = try input.number("epsilon") ?? 1e-5
        guard epsilon.isFinite, epsilon >= 0 else { throw .invalid("the attribute epsilon is \(epsilon)") }
        self.init(
            embeddingSize: width, heads: heads, feedForwardSize: feedForward, dropout: 0, activation: activation,
            normFirst: try input.flag("norm_first"), epsilon: epsilon,
            bias: input.hasInput(prefix + "linear1.bias"))
    }
}
