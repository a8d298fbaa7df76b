import Foundation
import HeedTensor
import HeedTestSupport
import Synchronization
import Testing

@Suite("The executor for actors that call kernels")
struct EngineSerialExecutorTests {
    /// Counts its calls without a lock, and those that it should not have had.
    private actor Watcher {
        private nonisolated let executor = EngineSerialExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        private(set) var calls = 0
        private(set) var elsewhere = 0
        private nonisolated let inside = Atomic(0)
        private(set) var together = 0

        func call() {
            if inside.add(1, ordering: .relaxed).newValue != 1 { together += 1 }
            calls += 1
            if !EngineExecutor.isRunningHere { elsewhere += 1 }
            inside.subtract(1, ordering: .relaxed)
        }

        /// Leaves the actor between calls and comes back.
        func call(times: Int) async {
            for _ in 0..<times {
                call()
                await Task.yield()
            }
        }

        func ask(_ other: Watcher, depth: Int) async {
            call()
            if depth > 0 { await other.ask(self, depth: depth - 1) }
            call()
        }
    }

    @Test func runsOneJobAtATimeOnTheEnginesThreads() async {
        let watcher = Watcher()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<64 {
                // From Swift's pool, by tasks that prefer the engine, and from within them.
                switch index % 3 {
                case 0: group.addTask { for _ in 0..<50 { await watcher.call() } }
                case 1: group.addTask(executorPreference: EngineExecutor.shared) { await watcher.call(times: 50) }
                default: group.addTask { await watcher.call(times: 50) }
                }
            }
        }
        #expect(await watcher.calls == 3200)
        #expect(await watcher.elsewhere == 0)
        #expect(await watcher.together == 0)
    }

    // More actors than threads, that wait for each other.
    @Test func actorsThatCallEachOtherDoNotStop() async {
        let watchers = (0..<4 * HeedRuntime.machine.usableProcessors).map { _ in Watcher() }
        await withTaskGroup(of: Void.self) { group in
            for index in watchers.indices {
                group.addTask { await watchers[index].ask(watchers[(index + 1) % watchers.count], depth: 100) }
            }
        }
        for watcher in watchers {
            #expect(await watcher.calls == 202)
            #expect(await watcher.elsewhere == 0)
            #expect(await watcher.together == 0)
        }
    }

    // An actor may go in its own last job, and its executor with it.
    @Test func goesWithItsActor() async {
        for _ in 0..<200 {
            let watcher = Watcher()
            Task { await watcher.call() }
            Task { await watcher.call(times: 2) }
        }
        let last = Watcher()
        await last.call()
        #expect(await last.calls == 1)
    }

    // Where the system gives no threads, whoever brings work does it, however much of it comes.
    @Test func worksWithoutThreads() async {
        await #expect(processExitsWith: .success) {
            try HeedRuntime.setThreadCount(1)
            let watcher = Watcher()
            try EngineSerialExecutorTests.limitMemoryToWhatIsUsed()
            await withTaskExecutorPreference(EngineExecutor.shared) { await watcher.call(times: 20_000) }
            #expect(await watcher.calls == 20_000)
            #expect(await watcher.together == 0)
            // No thread of the engine was there.
            #expect(await watcher.elsewhere == 20_000)
        }
    }

    /// From here on there is no room for another thread's stack.
    static func limitMemoryToWhatIsUsed() throws {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first
        let bytes = try #require(pages.flatMap { UInt($0) }) * UInt(sysconf(Int32(_SC_PAGESIZE)))
        var limit = rlimit(rlim_cur: bytes + (2 << 20), rlim_max: bytes + (2 << 20))
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
    }
}
