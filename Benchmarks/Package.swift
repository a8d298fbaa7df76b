// swift-tools-version: 6.2

import PackageDescription

// Benchmarks of the library for regressions, a package of its own so that apps that use Heed never resolve what it
// needs.
//
//     make benchmarks                                                  run them
//     make benchmarks BENCHMARK="baseline update before"               keep the results under a name
//     make benchmarks BENCHMARK="baseline compare before"              compare with them

let package = Package(
    name: "HeedBenchmarks",
    platforms: [.macOS(.v13)],
    dependencies: [
        .package(name: "Heed", path: ".."),
        // No traits: its interposers count allocations by replacing malloc, which would also slow down what is measured
        // here.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Engine",
            dependencies: [
                .product(name: "Heed", package: "Heed"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            // Not in Sources: the plugin takes for benchmarks the targets whose folders stand in one that is called
            // Benchmarks.
            path: "Engine",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    ],
    swiftLanguageModes: [.v6]
)
