import HeedFiles

/// The command's arguments as the system gave them.
enum Arguments {
    /// Why the arguments cannot be used, as one line; nil if they can. `CommandLine.arguments` repairs bytes that are
    /// not UTF-8, so that a path would become the path of another file.
    static var fault: String? {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else {
                continue
            }
            return "argument \(index), \"\(FolderListing.shown(bytes(argument).prefix(1024)))\", is not UTF-8"
        }
        return nil
    }

    private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        var (bytes, position) = ([UInt8](), 0)
        while text[position] != 0 {
            bytes.append(UInt8(bitPattern: text[position]))
            position += 1
        }
        return bytes
    }
}
