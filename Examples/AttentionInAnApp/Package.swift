// swift-tools-version: 6.2

import PackageDescription

// An app that depends on Heed by version. The app passes Heed's trait on as its own: `swift run` uses all cores through
// libomp, `swift run --disable-default-traits` needs nothing but Swift and gives the same numbers on one.
//
// The address stands for wherever you keep Heed. To run this beside a clone that has a tag of the version:
//
//     swift package config set-mirror --original https://heed.example/heed --mirror file:///path/to/heed
//
// which is what Examples/test does with a clone that it makes and tags itself.

let package = Package(
    name: "AttentionInAnApp",
    traits: [
        .trait(name: "OpenMP", description: "Attention on all cores through libomp"),
        .default(enabledTraits: ["OpenMP"]),
    ],
    dependencies: [
        .package(
            url: "https://heed.example/heed", from: "0.2.0",
            traits: [.trait(name: "OpenMP", condition: .when(traits: ["OpenMP"]))])
    ],
    targets: [
        .executableTarget(name: "AttentionInAnApp", dependencies: [.product(name: "Heed", package: "heed")])
    ],
    swiftLanguageModes: [.v6]
)
