// swift-tools-version: 6.2

import PackageDescription

// Traits, both on by default:
//   OpenMP    kernels run on all cores through libomp; without it the same sources run on one thread.
//   OpenBLAS  OpenBLAS may be opened at run time as a named choice; nothing is linked and no default result depends on
//             it.

/// Kernels are optimised in debug builds too: an app under development and the tests run at full speed. Multiply-adds
/// are chosen explicitly in the sources, so the compiler may not contract on its own.
let kernelSettings: [CSetting] = [
    .headerSearchPath("."),
    .define("HEED_OPENBLAS", .when(traits: ["OpenBLAS"])),
    .unsafeFlags(["-O3", "-ffp-contract=off", "-Wall", "-Wextra"]),
    .unsafeFlags(["-fopenmp"], .when(platforms: [.linux], traits: ["OpenMP"])),
]

let kernelLinking: [LinkerSetting] = [
    .linkedLibrary("m", .when(platforms: [.linux])),
    .linkedLibrary("dl", .when(platforms: [.linux])),
    .linkedLibrary("pthread", .when(platforms: [.linux])),
    .linkedLibrary(":libomp.so.5", .when(platforms: [.linux], traits: ["OpenMP"])),
]

let package = Package(
    name: "Heed",
    products: [
        // All of it, for an app that imports `Heed`; and its parts, for one that wants a smaller program.
        .library(name: "Heed", targets: ["Heed"]),
        .library(name: "HeedTensor", targets: ["HeedTensor"]),
        .library(name: "HeedAutograd", targets: ["HeedAutograd"]),
        .library(name: "HeedNN", targets: ["HeedNN"]),
        .library(name: "HeedTrain", targets: ["HeedTrain"]),
        .library(name: "HeedModels", targets: ["HeedModels"]),
        .library(name: "HeedRecipes", targets: ["HeedRecipes"]),
        .library(name: "HeedFiles", targets: ["HeedFiles"]),
        .library(name: "HeedJSON", targets: ["HeedJSON"]),
        .library(name: "HeedText", targets: ["HeedText"]),
        .library(name: "HeedData", targets: ["HeedData"]),
        .library(name: "HeedPlot", targets: ["HeedPlot"]),
        .executable(name: "heed", targets: ["HeedCommand"]),
    ],
    traits: [
        .trait(name: "OpenMP", description: "Run kernels on all cores through libomp"),
        .trait(name: "OpenBLAS", description: "Offer OpenBLAS, opened at run time, as a named choice"),
        .default(enabledTraits: ["OpenMP", "OpenBLAS"]),
    ],
    dependencies: [
        // Only the command uses these; the library depends on no other package.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        .target(
            name: "CKernels",
            path: "CKernels",
            sources: ["checks", "driver", "reference", "runtime", "table"],
            publicHeadersPath: "include",
            cSettings: kernelSettings,
            linkerSettings: kernelLinking
        ),
        .target(name: "HeedPlatform"),
        .target(name: "HeedTensor", dependencies: ["CKernels", "HeedPlatform"]),
        .target(name: "HeedJSON"),
        .target(name: "HeedFiles", dependencies: ["HeedPlatform", "HeedTensor", "HeedJSON"]),
        .target(name: "HeedData", dependencies: ["HeedPlatform", "HeedTensor", "HeedJSON", "HeedFiles"]),
        .target(name: "HeedAutograd", dependencies: ["HeedTensor"]),
        .target(name: "HeedNN", dependencies: ["HeedTensor", "HeedJSON", "HeedFiles", "HeedAutograd"]),
        .target(name: "HeedText", dependencies: ["HeedJSON"]),
        .target(name: "HeedPlot", dependencies: ["HeedPlatform"]),
        .target(
            name: "HeedTrain",
            dependencies: ["HeedPlatform", "HeedTensor", "HeedAutograd", "HeedNN", "HeedJSON", "HeedFiles"]),
        .target(
            name: "HeedModels",
            dependencies: [
                "HeedPlatform", "HeedTensor", "HeedAutograd", "HeedNN", "HeedTrain", "HeedText", "HeedJSON",
                "HeedFiles",
            ]),
        .target(
            name: "HeedRecipes",
            dependencies: [
                "HeedTensor", "HeedAutograd", "HeedNN", "HeedTrain", "HeedText", "HeedJSON", "HeedFiles", "HeedData",
                "HeedModels", "HeedPlatform", "HeedPlot",
            ]),
        .target(
            name: "Heed",
            dependencies: [
                "HeedTensor", "HeedAutograd", "HeedNN", "HeedJSON", "HeedFiles", "HeedText", "HeedData", "HeedTrain",
                "HeedModels", "HeedRecipes",
            ]),
        .executableTarget(
            name: "HeedCommand",
            dependencies: [
                "Heed", "HeedFiles", "HeedPlatform", "HeedPlot",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        .target(
            name: "HeedTestSupport", dependencies: ["HeedTensor", "HeedNN", "HeedFiles", "CAllocationCounter"],
            path: "Tests/HeedTestSupport"),
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        .testTarget(name: "HeedTensorTests", dependencies: ["HeedTensor", "HeedTestSupport", "CAllocationCounter"]),
        .testTarget(
            name: "HeedAutogradTests", dependencies: ["HeedAutograd", "HeedTestSupport", "CAllocationCounter"]),
        .testTarget(name: "HeedNNTests", dependencies: ["HeedNN", "HeedFiles", "HeedJSON", "HeedTestSupport"]),
        .testTarget(name: "HeedJSONTests", dependencies: ["HeedJSON", "HeedTestSupport"]),
        .testTarget(name: "HeedFilesTests", dependencies: ["HeedFiles", "HeedTestSupport"]),
        .testTarget(name: "HeedTextTests", dependencies: ["HeedText", "HeedJSON", "HeedTestSupport"]),
        .testTarget(name: "HeedDataTests", dependencies: ["HeedData", "HeedTensor", "HeedFiles"]),
        .testTarget(name: "HeedPlotTests", dependencies: ["HeedPlot"]),
        .testTarget(
            name: "HeedTrainTests",
            dependencies: [
                "HeedTrain", "HeedNN", "HeedAutograd", "HeedTensor", "HeedFiles", "HeedJSON", "HeedTestSupport",
            ]),
        .testTarget(
            name: "HeedModelsTests",
            dependencies: [
                "HeedModels", "HeedTrain", "HeedNN", "HeedAutograd", "HeedTensor", "HeedFiles", "HeedText", "HeedJSON",
                "HeedTestSupport", "CAllocationCounter",
            ]),
        .testTarget(
            name: "HeedRecipesTests",
            dependencies: [
                "HeedRecipes", "HeedModels", "HeedTrain", "HeedNN", "HeedAutograd", "HeedTensor", "HeedFiles",
                "HeedText", "HeedData", "HeedJSON", "HeedTestSupport",
            ]),
        .testTarget(
            name: "HeedCommandTests",
            dependencies: [
                "HeedCommand", "HeedRecipes", "HeedModels", "HeedNN", "HeedFiles", "HeedJSON", "HeedPlot",
                "HeedTestSupport",
            ]),
        .testTarget(name: "HeedTests", dependencies: ["Heed", "HeedTestSupport"]),
        // Reads the repository's text: layers, sizes, names.
        .testTarget(name: "HouseTests"),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
