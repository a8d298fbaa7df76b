import Heed
import ReviewModel

// Trains the classifier and saves it:
//
//     swift run TrainReviews

let path = CommandLine.arguments.dropFirst().first ?? "reviews.safetensors"

let lessons = Reviews.films + Reviews.books.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
let batch = try ReviewBatch(lessons.map(\.text))
let labels = IndexTensor(lessons.map { $0.praises ? 1 : 0 }, shape: [lessons.count])

var model = ReviewClassifier()
var optimizer = try OptimizerState(.adamW())
for step in 1...200 {
    let (loss, gradients) = valueAndGradient(of: model) { context in
        crossEntropy(model(batch, in: context), targets: labels)
    }
    try optimizer.update(&model, gradients: gradients, rate: 0.02)
    if step.isMultiple(of: 50) { print("step \(step): the loss is \(loss.scalar < 0.05 ? "small" : "large")") }
}
try model.save(to: path)
print("saved \(model.parameterCount) numbers")
