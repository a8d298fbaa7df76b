import Foundation
import HeedFiles
import Synchronization

/// Counts calls by their names.
package final class CallCounter: Sendable {
    private let names = Mutex<[String]>([])

    package init() {}

    /// The place of this call, from 0.
    package func next(_ name: String) -> Int {
        names.withLock {
            $0.append(name)
            return $0.count - 1
        }
    }

    package var all: [String] { names.withLock { $0 } }
}

extension SystemCalls {
    /// The system's calls, of which the one at a given place fails; counts them. Every write comes up short once.
    package static func failing(at place: Int, with error: Int32, counter: CallCounter) -> SystemCalls {
        let live = SystemCalls.live
        @Sendable func fails(_ name: String) -> Bool { counter.next(name) == place }
        var calls = live
        calls.open = { fails("open") ? -error : live.open($0, $1, $2, $3) }
        calls.write = { file, bytes, count in
            fails("write") ? -Int(error) : live.write(file, bytes, count > 3 ? count - 3 : count)
        }
        calls.changeMode = { fails("changeMode") ? -error : live.changeMode($0, $1) }
        calls.synchronize = { fails("synchronize") ? -error : live.synchronize($0) }
        calls.close = { file in
            let failed = fails("close")
            let result = live.close(file)
            return failed ? -error : result
        }
        calls.rename = { fails("rename") ? -error : live.rename($0, $1, $2) }
        calls.unlink = { live.unlink($0, $1) }
        return calls
    }
}
