import HeedTensor
import Synchronization

/// The batches of a ``LengthBatches`` one after the other, epoch after epoch, found by the number of the step. Batch
/// `step` depends only on the batches and on `step`. Epochs may have different numbers of batches (those of
/// ``LengthBatches/Size/tokens(_:)`` do), so the first look-up of a late step, in a run that is resumed, counts the
/// batches before it. The counts are kept, and copies of an order share them.
public final class LengthBatchOrder: Sendable {
    /// The batches that are put in order.
    public let batches: LengthBatches

    private struct Found {
        /// The first step of each epoch, as far as they are known; one more than epochs.
        var starts = [0]
        /// The epoch that was looked up last.
        var epoch: (number: Int, batches: [[Int]])?
    }
    private let found = Mutex(Found())

    /// Makes the order of these batches.
    public init(_ batches: LengthBatches) { self.batches = batches }

    /// Returns the places of the sequences of batch `step`, from 0.
    public func places(at step: Int) -> [Int] {
        require(step >= 0, "LengthBatchOrder.places: step \(step) is below 0")
        return found.withLock { found in
            while found.starts[found.starts.count - 1] <= step {
                let number = found.starts.count - 1
                let epoch = batches.batches(inEpoch: number)
                found.starts.append(found.starts[number] + epoch.count)
                found.epoch = (number, epoch)
            }
            var number = found.epoch?.number ?? 0
            while found.starts[number] > step { number -= 1 }
            while found.starts[number + 1] <= step { number += 1 }
            let epoch: [[Int]]
            if let known = found.epoch, known.number == number {
                epoch = known.batches
            } else {
                epoch = batches.batches(inEpoch: number)
                found.epoch = (number, epoch)
            }
            return epoch[step - found.starts[number]]
        }
    }
}
