import ArgumentParser
import Heed

/// `heed bench recurrent`: one recurrent layer over whole sequences.
struct BenchRecurrent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recurrent",
        abstract: "Measure a recurrent layer over whole sequences.",
        discussion: """
            One layer, one direction, a batch of sequences of equal length. Forward is inference with packed \
            weights; both is the forward and the backward pass of a training step, with the gradients of input, \
            weights and biases. Work is counted as 2 T B H (I + H) operations per gate (rnn 1, gru 3, lstm 4), and \
            three times that for both. The machine's peak is measured between the repetitions.
            """
    )

    @Option(help: "The cell: rnn, lstm or gru.")
    var cell = RecurrentCellName.lstm

    @Option(whole: .positive, help: "Number of steps of each sequence.")
    var time = 128

    @Option(whole: .positive, help: "Number of sequences.")
    var batch = 32

    @Option(whole: .positive, help: "Number of inputs of a step.")
    var input = 256

    @Option(whole: .positive, help: "Number of hidden units.")
    var hidden = 256

    @Option(help: "What to measure: forward or both.")
    var direction = RecurrentDirection.forward

    @Option(whole: .repeats, help: "Repetitions, 1 to 10000.")
    var repeats = 9

    @OptionGroup(title: "General") var common: CommonOptions

    private var problem: RecurrentProblem {
        RecurrentProblem(
            cell: cell, time: time, batch: batch, input: input, hidden: hidden, direction: direction)
    }

    func validate() throws {
        do throws(CommandFailure) {
            try problem.validate()
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() throws {
        try common.apply()
        try problem.requireMemory()
        let surroundings = Surroundings.current
        Progress.show("filling the layer ...")
        let operands = try RecurrentOperands(problem)
        // The first run allocates scratch; the second is like every later one.
        _ = try Stopwatch.time(1) { () throws(TensorError) in try operands.run() }
        let seconds = try Stopwatch.time(1) { () throws(TensorError) in try operands.run() }
        let arm = Stopwatch.Arm(runsPerTurn: Stopwatch.runsPerTurn(ofSeconds: seconds)) { runs throws(CommandFailure) in
            Progress.show(cell.rawValue)
            return try Stopwatch.time(runs) { () throws(TensorError) in try operands.run() }
        }
        let timings = try Stopwatch(repeats: repeats) { ElementType.float32.readPeak() }.measure([arm])
        let measurement = RecurrentMeasurement(problem: problem, timing: timings[0])
        Progress.erase()
        if common.json {
            try Console.printLine(JSONWriter.string(measurement.json(in: surroundings)))
            return
        }
        try Console.printLine(surroundings.description)
        try Console.printLine("\ntime \(time), batch \(batch), input \(input), hidden \(hidden), f32")
        var table = TextTable(RecurrentMeasurement.titles)
        table.append(measurement.cells)
        for line in table.lines { try Console.printLine(line) }
        if let busy = surroundings.busyness([measurement.timing]).line { try Console.printLine("\n\(busy)") }
    }
}
