import ArgumentParser
import Heed

/// The other end of ``OpenBLASProcess``; not for people.
struct OpenBLASWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm-openblas",
        abstract:
            "Read numbers from standard input, and answer each with the seconds of that many products by OpenBLAS.",
        shouldDisplay: false)

    @OptionGroup var sizes: GemmSizeOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        try common.apply()
        try sizes.problem.requireMemory()
        guard sizes.dtype == .float32 else {
            throw CommandFailure.wrongArguments("--dtype bf16 is not OpenBLAS's")
        }
        guard let kernels = HeedRuntime.openBLAS else { throw CommandFailure.workFailed("there is no OpenBLAS here") }
        let call = try GemmOperands(sizes.problem).call
        var output = Tensor.zeros(call.outputShape)
        try Console.printLine(kernels)
        while let line = readLine() {
            guard let runs = Int(line), runs > 0 else {
                throw CommandFailure.workFailed("'\(line)' on standard input is no number of runs")
            }
            let seconds = try Stopwatch.time(runs) { () throws(TensorError) in
                try call.run(.openBLAS, into: &output)
            }
            try Console.printLine("\(seconds)")
        }
    }
}
