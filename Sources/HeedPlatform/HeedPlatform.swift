// The C library of the system, whichever it is. Other files import this module instead of each library by name.

#if canImport(Glibc)
@_exported import Glibc
#elseif canImport(Musl)
@_exported import Musl
#elseif canImport(Darwin)
@_exported import Darwin
#endif

/// `write(file, bytes, count)`, for where a member of that name hides it.
public func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(file, bytes, count) }

/// `close(file)`, for where a member of that name hides it.
public func systemClose(_ file: Int32) -> Int32 { close(file) }
