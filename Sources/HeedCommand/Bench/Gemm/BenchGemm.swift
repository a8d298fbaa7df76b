import ArgumentParser
import Heed

/// `heed bench gemm`: the engine's matrix product beside OpenBLAS.
struct BenchGemm: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm",
        abstract:
            "Measure the matrix product: the engine's, the engine's with packed weights, and OpenBLAS's with its own choice of kernels and its best.",
        discussion: """
            [m, k] times [k, n]. The arms take turns on equal operands, after a warm-up, and the machine's peak is \
            measured between the turns. Work is counted as 2 m n k operations. The arm packed converts the right \
            matrix to the engine's layout once, before it is timed, as for the weights of a layer. With bf16 the \
            peak is that of bf16 products, if the instruction set has them. OpenBLAS chooses its kernels when it is \
            loaded, so openblas-best runs in its own process, after a trial of the kernels that this processor can \
            run.
            """
    )

    @OptionGroup(title: "Sizes") var sizes: GemmSizeOptions

    @Option(
        arms:
            "Arms to measure, separated by commas. (default: engine, packed and, if there is OpenBLAS, both of its arms)"
    )
    var arms: ArmList<GemmArm>?

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @OptionGroup(title: "General") var common: CommonOptions

    func validate() throws {
        if sizes.dtype == .bfloat16, let arm = arms?.arms.first(where: { !$0.isOwn }) {
            throw ValidationError("--dtype bf16 is only for the arms engine and packed, not for \(arm.rawValue)")
        }
    }

    func run() throws {
        try common.apply()
        let surroundings = Surroundings.current
        let problem = sizes.problem
        try problem.requireMemory()
        let chosen = try chooseArms()
        Progress.show("filling the matrices ...")
        let operands = try GemmOperands(problem)
        let measured = try GemmStopwatch(
            problem: problem, operands: operands, surroundings: surroundings, repeats: repeats
        ).measure(chosen)
        Progress.erase()
        if common.json {
            for measurement in measured {
                try Console.printLine(JSONWriter.string(measurement.json(in: surroundings)))
            }
            return
        }
        try Console.printLine(surroundings.description)
        try Console.printLine("\n\(problem.description), \(problem.elementType.name)")
        var table = TextTable(GemmMeasurement.titles)
        for measurement in measured { table.append(measurement.cells) }
        for line in table.lines { try Console.printLine(line) }
        if let busy = surroundings.busyness(measured.map(\.timing)).line { try Console.printLine("\n\(busy)") }
    }

    /// The arms that were named, or all that there are.
    private func chooseArms() throws(CommandFailure) -> [GemmArm] {
        let hasOpenBLAS = HeedRuntime.openBLAS != nil
        if let arms {
            if !hasOpenBLAS, let arm = arms.arms.first(where: { !$0.isOwn }) {
                throw .workFailed("the arm \(arm.rawValue) cannot be measured: there is no OpenBLAS here")
            }
            return arms.arms
        }
        let own = GemmArm.allCases.filter(\.isOwn)
        guard sizes.dtype == .float32 else { return own }
        if hasOpenBLAS { return GemmArm.allCases }
        Console.explain("openblas left out: there is none here")
        return own
    }
}

/// The flags that give a matrix product its sizes.
struct GemmSizeOptions: ParsableArguments {
    @Option(whole: .positive, help: "Rows of the left matrix and of the product.")
    var m = 1024

    @Option(whole: .positive, help: "Columns of the right matrix and of the product.")
    var n = 1024

    @Option(whole: .positive, help: "Columns of the left matrix, rows of the right one.")
    var k = 1024

    @Option(help: "Element type of the operands: f32 or bf16. The product is f32.")
    var dtype = ElementType.float32

    var problem: GemmProblem {
        var problem = GemmProblem()
        (problem.m, problem.n, problem.k, problem.elementType) = (m, n, k, dtype)
        return problem
    }

    mutating func validate() throws {
        do throws(CommandFailure) {
            try problem.validate()
        } catch {
            throw ValidationError(error.message)
        }
    }
}
