import Foundation
import HeedFiles
import HeedNN
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Weights by name and in order")
struct LoadingTests {
    static func network(seed: UInt64) -> Network {
        var generator = RandomGenerator(seed: seed)
        return Network(using: &generator)
    }

    @Test func comeBackByName() throws {
        let network = Self.network(seed: 2)
        var other = Self.network(seed: 3)
        #expect(other.weights != network.weights)
        try other.load(network.weights)
        #expect(other.weights == network.weights)
    }

    @Test func comeBackInOrder() throws {
        let network = Self.network(seed: 2)
        var other = Self.network(seed: 3)
        try other.load(network.parameterValues)
        #expect(other.weights == network.weights)
        // Names and values make the dictionary.
        #expect(
            Dictionary(uniqueKeysWithValues: zip(network.parameterNames, network.parameterValues)) == network.weights)
        // Views are made contiguous, and neither model sees what is written to the other.
        let before = network.weights
        let views = network.parameterValues.map { $0.rank == 2 ? $0.transposed().contiguous().transposed() : $0 }
        try other.load(views)
        other.scale.value *= 2
        #expect(network.weights == before && other.scale.value == Tensor(4))
        #expect(other.layers[0].weight.value.isContiguous)
    }

    @Test func allThatDoesNotFitIsListed() throws {
        var network = Self.network(seed: 2)
        let before = network.weights
        var weights = before.mapValues { $0 * 2 }
        weights["layers.1.weight"] = nil
        weights["output.bias"] = Tensor.ones([2])
        weights["other"] = Tensor.ones([2])
        weights["another"] = Tensor.ones([3])
        let expected: [WeightsError.Fault] = [
            .missing(name: "layers.1.weight", shape: [4, 4]),
            .wrongShape(name: "output.bias", expected: [1], found: [2]),
            .unexpected(name: "another", shape: [3]), .unexpected(name: "other", shape: [2]),
        ]
        let error = #expect(throws: WeightsError.self) { try network.load(weights) }
        #expect(error?.faults == expected)
        #expect(
            error?.description
                == "the weights do not fit the model: layers.1.weight of shape [4, 4] is missing; output.bias has shape [2], and the "
                + "model's has [1]; another of shape [3] is not a parameter of the model; other of shape [2] is not a parameter of the model"
        )
        #expect(network.weights == before)
        #expect(throws: WeightsError([expected[1]])) {
            try network.load(weights, allowingMissing: true, allowingUnexpected: true)
        }
        weights["output.bias"] = nil
        try network.load(weights, allowingMissing: true, allowingUnexpected: true)
        #expect(network.layers[1].weight.value == before["layers.1.weight"])
        #expect(network.scale.value == Tensor(4))
    }

    @Test func allThatDoesNotFitInOrderIsListed() throws {
        var network = Self.network(seed: 2)
        let before = network.weights
        var values = network.parameterValues.map { $0 * 2 }
        values[1] = Tensor.ones([3])
        values.removeLast()
        #expect(
            throws: WeightsError([
                .wrongShape(name: "layers.0.bias", expected: [4], found: [3]), .missing(name: "scale", shape: []),
            ])
        ) { try network.load(values) }
        values = network.parameterValues + [Tensor.ones([7])]
        #expect(throws: WeightsError([.unexpected(name: "tensor 6", shape: [7])])) { try network.load(values) }
        #expect(network.weights == before)
    }

    @Test func aLongListIsCutToOneLine() {
        let faults = (0..<20).map { WeightsError.Fault.missing(name: "layer.\($0)", shape: [2]) }
        let text = WeightsError(faults).description
        #expect(text.hasSuffix("layer.7 of shape [2] is missing; and 12 more faults") && !text.contains("\n"))
    }
}

@Suite("Modules as files")
struct ModuleFileTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("heed-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func comeBackBitForBit() throws {
        try Self.withFolder { folder in
            let path = folder + "/model.safetensors"
            var network = LoadingTests.network(seed: 2)
            network.scale.value = Tensor(-.nan)
            try network.save(to: path, metadata: ["made by": "a test"])
            let file = try SafetensorsFile(path: path)
            #expect(Set(file.names) == Set(network.parameterNames))
            #expect(file.metadata == ["made by": "a test", "format": "pt"])
            var other = LoadingTests.network(seed: 3)
            try other.load(from: path)
            for (found, expected) in zip(other.parameterValues, network.parameterValues) {
                #expect(haveSameBits(found, expected))
            }
            // By way of dictionaries too, both ways.
            var third = LoadingTests.network(seed: 4)
            try third.load(file.tensors())
            try SafetensorsWriter.write(third.weights, metadata: ["made by": "a test", "format": "pt"], to: path + "2")
            #expect(
                try Data(contentsOf: URL(filePath: path)) == Data(contentsOf: URL(filePath: path + "2")))
            // Saved over itself; nothing else is left in the folder.
            try other.save(to: path)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
                    "model.safetensors", "model.safetensors2",
                ])
        }
    }

    @Test func whatDoesNotFitLeavesTheModelAsItIs() throws {
        try Self.withFolder { folder in
            let path = folder + "/model.safetensors"
            var network = LoadingTests.network(seed: 2)
            let before = network.weights
            var weights = before.mapValues { $0 * 2 }
            weights["layers.0.bias"] = nil
            weights["layers.0.biases"] = Tensor.zeros([4])
            weights["scale"] = Tensor.zeros([1])
            try SafetensorsWriter.write(weights, to: path)
            let faults: [WeightsError.Fault] = [
                .missing(name: "layers.0.bias", shape: [4]), .wrongShape(name: "scale", expected: [], found: [1]),
                .unexpected(name: "layers.0.biases", shape: [4]),
            ]
            #expect(throws: ModuleFileError.weights(path: path, WeightsError(faults))) { try network.load(from: path) }
            #expect(network.weights == before)

            // All names and shapes fit, and the last value is of another type.
            weights = before.mapValues { $0 * 2 }
            try SafetensorsWriter.write(
                weights.filter { $0.key != "scale" }.map { ($0.key, .tensor($0.value)) }
                    + [("scale", .bfloat16Tensor(Tensor(3).bfloat16()))], to: path)
            let error = #expect(throws: ModuleFileError.self) { try network.load(from: path) }
            #expect(error?.description.contains("tensor \"scale\" is BF16, not F32") == true)
            #expect(network.weights == before)
            try network.load(from: path, converting: true)
            #expect(network.scale.value == Tensor(3) && network.layers[0].weight.value == weights["layers.0.weight"])
        }
    }

    @Test func aFileThatIsNoneIsNamed() throws {
        try Self.withFolder { folder in
            var network = LoadingTests.network(seed: 2)
            let before = network.weights
            for (name, content) in [("missing", nil), ("text", "no weights"), ("empty", "")] {
                let path = "\(folder)/\(name)"
                if let content { try content.write(toFile: path, atomically: true, encoding: .utf8) }
                let error = #expect(throws: ModuleFileError.self) { try network.load(from: path) }
                guard case .file(let fault) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(fault.path == path)
            }
            #expect(throws: SafetensorsError.self) { try network.save(to: folder + "/no/folder") }
            #expect(network.weights == before)
        }
    }

    @Test func aPartOfALargerModel() throws {
        try Self.withFolder { folder in
            let path = folder + "/model.safetensors"
            let network = LoadingTests.network(seed: 2)
            try network.save(to: path)
            var part = LoadingTests.network(seed: 3).layers[0]
            try part.load(from: path, prefix: "layers.0.")
            #expect(part.weights == network.layers[0].weights)
            let error = #expect(throws: ModuleFileError.self) { try part.load(from: path, prefix: "layers.1.") }
            #expect(
                error
                    == .weights(
                        path: path,
                        WeightsError([
                            .wrongShape(name: "weight", expected: [4, 3], found: [4, 4]),
                            .missing(name: "bias", shape: [4]),
                        ])))
        }
    }
}
