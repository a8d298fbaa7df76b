import Benchmark
import Foundation
import Heed

// What an app calls, at the sizes of real models. Operands are made once, before the clock starts; throughput counts
// calls a second.

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], warmupIterations: 3, maxDuration: .seconds(2), maxIterations: 100_000)

    attentionBenchmarks()
    decodeBenchmark()
    productBenchmarks()
    softmaxBenchmarks()
    fileBenchmarks()
}

private func attentionBenchmarks() {
    for (length, headDimension) in [(128, 64), (1024, 64), (1024, 128), (4096, 64)] {
        for (name, mask) in [("full", AttentionMask.none), ("causal", .causal())] {
            let operands = AttentionOperands(queryLength: length, keyLength: length, headDimension: headDimension)
            Benchmark("attention tiled \(name) N \(length) D \(headDimension)") { benchmark in
                for _ in benchmark.scaledIterations {
                    blackHole(
                        attention(
                            queries: operands.queries, keys: operands.keys, values: operands.values, mask: mask,
                            algorithm: .tiled))
                }
            }
        }
    }
}

/// One query over caches that take turns, so that keys and values come from memory as they do between a model's layers.
private func decodeBenchmark() {
    let length = 8192
    let caches = (0..<8).map { _ in AttentionOperands(queryLength: 1, keyLength: length) }
    Benchmark("attention one query over \(length) keys D 64") { benchmark in
        for index in benchmark.scaledIterations {
            let cache = caches[index % caches.count]
            blackHole(attention(queries: cache.queries, keys: cache.keys, values: cache.values))
        }
    }
}

private func productBenchmarks() {
    for (rows, inner, columns) in [(1, 1024, 4096), (32, 384, 1536), (1024, 1024, 1024)] {
        var generator = RandomGenerator(seed: 2)
        let left = Tensor.normal([rows, inner], using: &generator)
        let right = Tensor.normal([inner, columns], using: &generator)
        Benchmark("matmul \(rows) x \(inner) x \(columns)") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(matmul(left, right)) }
        }
    }
}

private func softmaxBenchmarks() {
    for (rows, columns) in [(64, 64), (4096, 1024)] {
        var generator = RandomGenerator(seed: 3)
        let input = Tensor.normal([rows, columns], using: &generator)
        Benchmark("softmax \(rows) x \(columns)") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(softmax(input)) }
        }
    }
}

/// Reads a file of 64 tensors, 16 MB together, header and values.
private func fileBenchmarks() {
    let path = NSTemporaryDirectory() + "heed-benchmark-\(ProcessInfo.processInfo.processIdentifier).safetensors"
    var generator = RandomGenerator(seed: 4)
    let tensor = Tensor.normal([256, 256], using: &generator)
    let names = (0..<64).map { "layer.\($0).weight" }
    Benchmark("safetensors read 64 tensors of 256 KiB") { benchmark in
        for _ in benchmark.scaledIterations {
            let file = try SafetensorsFile(path: path)
            for name in names { blackHole(try file.tensor(name)) }
        }
    } setup: {
        try SafetensorsWriter.write(names.map { ($0, .tensor(tensor)) }, to: path)
    } teardown: {
        try FileManager.default.removeItem(atPath: path)
    }
}
