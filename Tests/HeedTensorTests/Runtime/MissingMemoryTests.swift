import Foundation
import HeedTestSupport
import Testing

@testable import HeedTensor

/// More memory than any machine has.
private let tooMuch = 1 << 45

@Suite("Missing memory")
struct MissingMemoryTests {
    @Test func theSystemIsAskedBeforeAnythingIsTaken() {
        #expect(ProcessMemory.has(0) && ProcessMemory.has(1 << 20))
        #expect(!ProcessMemory.has(1 << 46) && !ProcessMemory.has(.max))
    }

    @Test func aShapeFromOutsideThatDoesNotFitIsNoTensor() {
        let tensor = Tensor(fitting: [tooMuch, 2]) { (_: UnsafeMutableBufferPointer<Float>) throws(Never) in }
        #expect(tensor == nil)
        #expect(Tensor(fitting: [2]) { $0.initialize(repeating: 3) }?.elements == [3, 3])
    }

    @Test func withoutAHandlerTheProgramStops() async {
        await #expect(processExitsWith: .failure) { _ = Tensor.zeros([tooMuch, 2]) }
    }

    @Test func aHandlerDecidesWhatTheProgramEndsWith() async {
        await #expect(processExitsWith: .exitCode(7)) {
            MissingMemory.handle { message in exit(message.contains("[35184372088832, 2]") ? 7 : 8) }
            _ = Tensor.zeros([tooMuch, 2])
        }
    }

    @Test func tensorsStayWithinTheLimitOfThePool() async {
        await #expect(processExitsWith: .exitCode(7)) {
            TensorPool.byteLimit = TensorPool.statistics.usedBytes + (4 << 20)
            var kept = [Tensor.zeros([1 << 19])]
            // What is let go of makes room for a block of another size.
            kept = []
            kept.append(Tensor.zeros([3 << 18]))
            MissingMemory.handle { _ in
                exit(TensorPool.statistics.usedBytes + TensorPool.statistics.idleBytes <= TensorPool.byteLimit ? 7 : 8)
            }
            kept.append(Tensor.zeros([1 << 19]))
            withExtendedLifetime(kept) { exit(9) }
        }
    }

    @Test func aLimitOnTheProcessLeavesSomethingForSmallThings() async {
        #if os(Linux)
        await #expect(processExitsWith: .exitCode(7)) {
            func setLimit(_ bytes: Int) {
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
                limit.rlim_cur = rlim_t(bytes)
                setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
            }
            setLimit(1 << 42)
            guard let wide = ProcessMemory.limit, wide.bytes == 1 << 42, ProcessMemory.has(1 << 20) else { exit(8) }
            // Half of what is to be left.
            setLimit(wide.bytes - wide.leftBytes + ProcessMemory.reserveBytes / 2)
            guard let narrow = ProcessMemory.limit, narrow.leftBytes <= ProcessMemory.reserveBytes / 2,
                !ProcessMemory.has(0)
            else { exit(9) }
            MissingMemory.handle { _ in exit(7) }
            _ = Tensor.zeros([1 << 20])
            exit(10)
        }
        #endif
    }
}
