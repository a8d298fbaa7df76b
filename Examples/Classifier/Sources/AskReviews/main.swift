import Heed
import ReviewModel

// Loads the classifier that TrainReviews saved, and asks it from eight tasks at once about reviews that it has not
// read:
//
//     swift run AskReviews

let path = CommandLine.arguments.dropFirst().first ?? "reviews.safetensors"
var loading = ReviewClassifier()
try loading.load(from: path)
let model = loading

let held = Reviews.books.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
let right = try await withThrowingTaskGroup(of: Int.self) { group in
    for task in 0..<8 {
        group.addTask {
            let mine = held.indices.filter { $0 % 8 == task }
            return try mine.count { try model.judge(held[$0].text).praises == held[$0].praises }
        }
    }
    var right = 0
    for try await count in group { right += count }
    return right
}
print("right about \(right) of \(held.count) reviews that it has not read")
for review in ["the book is not very boring", "the film is not clever"] {
    print("\"\(review)\" \(try model.judge(review).praises ? "praises" : "complains")")
}
do {
    _ = try model.judge("the play is good")
} catch {
    print(error)
}
