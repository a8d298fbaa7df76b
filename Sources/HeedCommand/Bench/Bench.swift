import ArgumentParser

/// The command `heed bench ...`.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine on this machine.",
        subcommands: [
            BenchAttention.self, BenchGemm.self, BenchDecode.self, BenchPointwise.self, BenchRecurrent.self,
            BenchTrain.self, BenchGenerate.self, BenchMemory.self, OpenBLASWorker.self,
        ]
    )
}
