import Heed

extension CaseOperation {
    /// PyTorch's `nn.MultiheadAttention`: output, weights of every head, and gradients.
    static let multiHeadAttention = CaseOperation(
        replay: { input throws(CaseError) in
            let heads = try input.positiveInteger("heads")
            let (_, width) = try input.matrixShape("in_proj_weight")
            guard width > 0, width.isMultiple(of: heads) else {
                throw .invalid("\(heads) heads do not divide a width of \(width)")
            }
            var generator = RandomGenerator(seed: 0)
            var layer = MultiHeadAttention(
                embeddingSize: width, heads: heads, bias: input.hasInput("in_proj_bias"), using: &generator)
            var replay = LayerReplay(input)
            try replay.load(
                &layer, others: ["query", "key", "value", "key_padding_mask"], attributes: ["heads", "causal"])
            let query = try replay.leaf("query", [-1, -1, width])
            let key = try replay.leaf("key", [query.shape[0], -1, width])
            let value = try replay.leaf("value", [query.shape[0], key.shape[1], width])
            var masks = [
                try input.attendedTokens(["key_padding_mask"], batch: query.shape[0], length: key.shape[1])
            ]
            if try input.flag("causal") { masks.append(.causal(offset: 0)) }
            try input.requireOutput(query.shape)
            let (output, weights) = layer.withWeights(
                query, keys: key, values: value, mask: .all(masks), in: replay.context)
            return try replay.answers([("output", output), ("weights", weights)], of: layer)
        },
        strict: nil)
}
