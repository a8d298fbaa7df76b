import HeedTensor
import Testing

@Suite("Runtime")
struct RuntimeTests {
    @Test func theInstructionSetInUseIsAvailable() {
        #expect(HeedRuntime.instructionSet.isAvailable)
        #expect(HeedRuntime.availableInstructionSets.contains(HeedRuntime.instructionSet))
        #expect(InstructionSet.all.first?.name == "generic")
        #expect(Set(InstructionSet.all.map(\.name)).count == InstructionSet.all.count)
    }

    @Test func unknownInstructionSetsAreRefused() throws {
        let error = try #require(throws: TensorError.self) { try HeedRuntime.select(instructionSetNamed: "vax") }
        #expect(error.kind == .badArgument && error.description.contains("generic"))
    }

    @Test func instructionSetsCanBeSelected() async {
        await #expect(processExitsWith: .success) {
            for set in HeedRuntime.availableInstructionSets {
                try HeedRuntime.select(instructionSetNamed: set.name)
                #expect(HeedRuntime.instructionSet == set)
            }
        }
    }

    @Test func impossibleThreadCountsAreRefused() {
        #expect(throws: TensorError.self) { try HeedRuntime.setThreadCount(0) }
        #expect(throws: TensorError.self) { try HeedRuntime.setThreadCount(257) }
    }

    @Test func theMachineIsDescribed() {
        let machine = HeedRuntime.machine
        #expect(!machine.processor.isEmpty && machine.usableProcessors >= 1 && machine.memoryBytes > 1 << 20)
        #expect(machine.usableProcessors <= machine.processorsAllowed)
        #expect(HeedRuntime.threadCount >= 1 && !HeedRuntime.openMP.isEmpty)
    }

    @Test func peaksAreMeasured() throws {
        #expect(try #require(HeedRuntime.measurePeak(.multiplyAddFloat32, threads: 1)) > 0.1)
        #expect(try #require(HeedRuntime.measurePeak(.memoryRead, threads: 1)) > 0.1)
    }
}
