// swift-tools-version: 6.2

import PackageDescription

// Heed by version, with its trait passed on as the package's own: --disable-default-traits builds without libomp.
// AttentionInAnApp/Package.swift says what stands behind the address.
let package = Package(
    name: "PyTorchWeights",
    traits: [
        .trait(name: "OpenMP", description: "Kernels on all cores through libomp"),
        .default(enabledTraits: ["OpenMP"]),
    ],
    dependencies: [
        .package(
            url: "https://heed.example/heed", from: "0.2.0",
            traits: [.trait(name: "OpenMP", condition: .when(traits: ["OpenMP"]))])
    ],
    targets: [
        .executableTarget(name: "PyTorchWeights", dependencies: [.product(name: "Heed", package: "heed")])
    ],
    swiftLanguageModes: [.v6]
)
