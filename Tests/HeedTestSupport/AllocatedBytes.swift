import CAllocationCounter

/// Bytes asked of the allocator: work that can be counted where time cannot be told.
public enum AllocatedBytes {
    /// What the calling thread has asked for since it began, given back or not; 0 where that is not counted
    /// (sanitizers).
    public static var now: Int { Int(heed_allocated_bytes()) }
}
