import Heed

// Loads what make_weights.py took out of PyTorch into an LSTM and a Transformer encoder layer, and compares what they
// make of the same input:
//
//     swift run PyTorchWeights

let path = CommandLine.arguments.dropFirst().first ?? "weights.safetensors"
let file = try SafetensorsFile(path: path)

// Names, shapes and the order of the gates are PyTorch's: `prefix` says where in the file each part stands.
var reader = LSTM(inputSize: 6, hiddenSize: 8, layers: 2, bidirectional: true)
try reader.load(from: file, prefix: "reader.")
var layer = TransformerEncoderLayer(TransformerSettings(embeddingSize: 16, heads: 4, feedForwardSize: 32))
try layer.load(from: file, prefix: "layer.")

let words = try file.tensor("words")
let read = reader(words).output.value
let seen = layer(read, mask: .padding(lengths: [5, 3]))

/// The largest difference over the largest expected number.
func difference(_ tensor: Tensor, _ expected: Tensor) -> Float {
    let errors = zip(tensor.elements, expected.elements).map { abs($0 - $1) }
    return (errors.max() ?? 0) / (expected.elements.map(abs).max() ?? 1)
}
let readError = difference(read, try file.tensor("expected.read"))
let expected = try file.tensor("expected.seen")
// Of the second sequence three words are there; what stands behind them is of no account.
let seenError = max(
    difference(seen.selecting(axis: 0, index: 0), expected.selecting(axis: 0, index: 0)),
    difference(
        seen.selecting(axis: 0, index: 1).slice(axis: 0, range: 0..<3),
        expected.selecting(axis: 0, index: 1).slice(axis: 0, range: 0..<3)))
print("the LSTM gives PyTorch's numbers: \(readError < 1e-5)")
print("the encoder layer gives PyTorch's numbers: \(seenError < 1e-5)")

var other = LSTM(inputSize: 6, hiddenSize: 9)
do {
    try other.load(from: file, prefix: "reader.")
} catch {
    print("another LSTM is refused: \(error)")
}
