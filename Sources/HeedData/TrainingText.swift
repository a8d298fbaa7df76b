import HeedFiles
internal import HeedPlatform

/// A text that a language model learns from, and another that it is judged on.
public struct TrainingText: Sendable {
    /// The text to learn from. If ``heldOut`` is nil, its end is to be held out.
    public let training: String
    /// The text to judge on, from other files; nil for a text of one file.
    public let heldOut: String?
    /// Where the text comes from, in words.
    public let source: String
    /// SHA-256 of the UTF-8 of all files, one after the other in the order of their names.
    public let digest: String

    /// The files of a text, before they are read.
    public struct Files: Sendable {
        /// The paths, in the order of their names.
        public let paths: [String]
        /// Where they come from, in words.
        public let source: String
        /// The bytes of each file.
        public let sizes: [Int]

        /// The bytes of all files.
        public var size: Int { sizes.reduce(0, +) }

        /// The most bytes that are taken in memory per byte of text until it is a token: in the string, and four in the
        /// token. The bytes that were read are gone by then.
        public static let bytesPerByte = 5
        /// More than this is refused: the whole text is held in memory.
        static let largestSize = 1 << 30

        /// Finds the files of a text.
        ///
        /// - Parameter path: A file, or a folder with all regular files in it; links, folders and names that begin with
        ///   a dot are passed over. Nil for the licences that every Debian machine has.
        /// - Throws: ``FileError`` if there is no text, or it is larger than 2^30 bytes.
        public init(path: String?) throws(FileError) {
            let folder = path ?? TrainingText.licences
            source = path ?? "the licences in \(folder)"
            guard let names = Self.names(inFolder: folder) else {
                paths = [folder]
                guard path != nil else {
                    throw FileError(
                        path: folder, operation: "read",
                        reason: "the usual text on Debian is not on this machine: name a text file with --data")
                }
                sizes = [try TextFile.size(path: folder)]
                try requireSize()
                return
            }
            paths = names.map { folder + "/" + $0 }
            var sizes: [Int] = []
            for path in paths { sizes.append(try TextFile.size(path: path)) }
            self.sizes = sizes
            guard !paths.isEmpty else {
                throw FileError(path: folder, operation: "read", reason: "the folder holds no file of text")
            }
            try requireSize()
        }

        private func requireSize() throws(FileError) {
            guard size > Self.largestSize else { return }
            throw FileError(
                path: paths.count == 1 ? paths[0] : source, operation: "read",
                reason: "it has \(size) bytes, and at most \(Self.largestSize) are read")
        }

        /// The regular files of a folder; nil if the path is no folder.
        private static func names(inFolder path: String) -> [String]? {
            guard let listing = try? FolderListing(path: path) else { return nil }
            return listing.names.filter { name in
                var status = stat()
                return !name.hasPrefix(".") && lstat(path + "/" + name, &status) == 0
                    && status.st_mode & S_IFMT == S_IFREG
            }
        }

        /// Returns which files are held out, for files of one text often repeat each other.
        ///
        /// Files are of one family if their names are the same up to the first "-": GPL-2 and GPL-3. Families of one
        /// file are held out, in the order of names, until they have a tenth of all bytes; one with which they would
        /// have more than half is passed over. If no family is held out so, the smallest one is, and of equal ones the
        /// last. None is of a text of one file or family.
        var heldOut: Set<Int> {
            // In the order of their first names.
            var families: [[Int]] = []
            var places: [Substring: Int] = [:]
            for (index, path) in paths.enumerated() {
                let family = (path.split(separator: "/").last ?? "").prefix { $0 != "-" && $0 != "." }
                if let place = places[family] {
                    families[place].append(index)
                } else {
                    places[family] = families.count
                    families.append([index])
                }
            }
            guard families.count > 1 else { return [] }
            var held: Set<Int> = []
            var bytes = 0
            for family in families where family.count == 1 && bytes * 10 < size {
                guard (bytes + sizes[family[0]]) * 2 <= size else { continue }
                held.insert(family[0])
                bytes += sizes[family[0]]
            }
            if bytes == 0 {
                let familySizes = families.map { $0.reduce(0) { $0 + sizes[$1] } }
                let smallest = familySizes.lastIndex(of: familySizes.min() ?? 0) ?? 0
                held = Set(families[smallest])
            }
            return held
        }
    }

    private static let licences = "/usr/share/common-licenses"

    /// Reads the files of a text.
    ///
    /// - Throws: ``FileError`` if one cannot be read, is empty, is not UTF-8 or holds NUL.
    public init(_ files: Files) throws(FileError) {
        let held = files.heldOut
        var (training, heldOut, digest) = ("", "", SHA256())
        for (index, path) in files.paths.enumerated() {
            var text = try TextFile.text(path: path, limit: Files.largestSize)
            guard !text.isEmpty || files.paths.count > 1 else {
                throw FileError(path: path, operation: "read", reason: "it is empty: there is nothing to learn")
            }
            guard !text.utf8.contains(0) else {
                throw FileError(
                    path: path, operation: "read", reason: "it is binary: it holds NUL, and text was expected")
            }
            text.withUTF8 { digest.update(UnsafeRawBufferPointer($0)) }
            if files.paths.count == 1 {
                training = text
            } else if held.contains(index) {
                heldOut += text
            } else {
                training += text
            }
        }
        guard !training.isEmpty else {
            throw FileError(path: files.source, operation: "read", reason: "it is empty: there is nothing to learn")
        }
        (self.training, self.heldOut) = (training, heldOut.isEmpty ? nil : heldOut)
        self.digest = digest.hexadecimal()
        source = files.source
    }

    /// The first words of the text, or characters if it has no words: a dozen characters of its first line.
    public var opening: String {
        // A line may be as long as the text.
        let line = training.drop { $0.isWhitespace }.prefix(13).prefix { !$0.isNewline }
        guard line.count > 12, let space = line.prefix(13).lastIndex(where: \.isWhitespace) else {
            return String(line.prefix(12))
        }
        return String(line[..<space])
    }
}
