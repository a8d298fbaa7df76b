internal import HeedPlatform

/// Whole pages from the system, and back to it: what the allocator of the C library keeps for itself once it was freed
/// would count against a control group's limit.
enum SystemMemory {
    /// From this size on, memory begins at a huge page: one fault instead of 512.
    static let hugePageBytes = 2 << 20

    static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

    /// `byteCount` bytes, a multiple of ``pageBytes``; nil where the system has no such memory.
    static func take(_ byteCount: Int) -> UInt? {
        let isHuge = byteCount >= hugePageBytes
        // Tensors go without before everything small does: what has no memory for its line of error cannot say so.
        if byteCount >= hugePageBytes / 4, ProcessMemory.isLimited, !ProcessMemory.has(byteCount + hugePageBytes) {
            return nil
        }
        let (mapped, overflow) = byteCount.addingReportingOverflow(isHuge ? hugePageBytes : 0)
        guard !overflow, let start = map(mapped) else { return nil }
        guard isHuge else { return start }
        let address = (start + UInt(hugePageBytes) - 1) & ~UInt(hugePageBytes - 1)
        giveBack(start, Int(address - start))
        giveBack(address + UInt(byteCount), Int(start + UInt(mapped) - address) - byteCount)
        #if os(Linux)
        _ = madvise(UnsafeMutableRawPointer(bitPattern: address), byteCount, Int32(MADV_HUGEPAGE))
        #endif
        return address
    }

    static func giveBack(_ address: UInt, _ byteCount: Int) {
        guard byteCount > 0 else { return }
        munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount)
    }

    /// Returns the whole pages within a stretch to the system. The addresses stay, their contents do not.
    static func clear(_ address: UInt, _ byteCount: Int) {
        let page = UInt(pageBytes)
        let first = (address + page - 1) & ~(page - 1)
        let end = (address + UInt(byteCount)) & ~(page - 1)
        guard first < end else { return }
        #if os(Linux)
        _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), Int32(MADV_DONTNEED))
        #else
        _ = madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), Int32(MADV_FREE))
        #endif
    }

    private static func map(_ byteCount: Int) -> UInt? {
        let saved = errno
        defer { errno = saved }
        let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { return nil }
        return UInt(bitPattern: start)
    }
}
