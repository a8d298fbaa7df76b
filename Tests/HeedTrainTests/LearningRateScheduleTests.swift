import Foundation
import HeedTrain
import Testing

@Suite("Learning rate schedules")
struct LearningRateScheduleTests {
    @Test func constantStays() {
        #expect(LearningRateSchedule.constant(0.5).rate(at: 0) == 0.5)
        #expect(LearningRateSchedule.constant(0.5).rate(at: 1_000_000) == 0.5)
    }

    @Test func warmupRisesInALineThenCosineFalls() {
        let schedule = LearningRateSchedule.warmupCosine(peak: 1e-3, warmupSteps: 100, totalSteps: 2000, minimum: 1e-4)
        #expect(abs(schedule.rate(at: 0) - 1e-3 / 101) < 1e-12)
        #expect(abs(schedule.rate(at: 99) - 1e-3 * 100 / 101) < 1e-12)
        #expect(schedule.rate(at: 100) == 1e-3)
        #expect(abs(schedule.rate(at: 1050) - 5.5e-4) < 1e-12)
        #expect(schedule.rate(at: 2000) == 1e-4)
        #expect(schedule.rate(at: 1_000_000) == 1e-4)
        for step in 100..<1999 { #expect(schedule.rate(at: step) > schedule.rate(at: step + 1)) }
    }

    @Test func theRecipeOfTheTransformer() {
        let schedule = LearningRateSchedule.warmupInverseSquareRoot(embeddingSize: 512, warmupSteps: 4000)
        #expect(abs(schedule.rate(at: 0) - pow(512, -0.5) * pow(4000, -1.5)) < 1e-15)
        // The peak is where both branches meet.
        #expect(abs(schedule.rate(at: 3999) - pow(512, -0.5) * pow(4000, -0.5)) < 1e-12)
        #expect(abs(schedule.rate(at: 15_999) - schedule.rate(at: 3999) / 2) < 1e-12)
    }

    @Test func stepsDrop() {
        let schedule = LearningRateSchedule.step(initial: 1, every: 10, factor: 0.5)
        #expect(schedule.rate(at: 9) == 1)
        #expect(schedule.rate(at: 10) == 0.5)
        #expect(schedule.rate(at: 35) == 0.125)
    }

    @Test(arguments: [
        LearningRateSchedule.constant(.nan), .constant(-1),
        .warmupCosine(peak: 1, warmupSteps: 10, totalSteps: 9), .warmupCosine(peak: 1, warmupSteps: -1, totalSteps: 9),
        .warmupCosine(peak: 1, warmupSteps: 0, totalSteps: 9, minimum: 2),
        .warmupInverseSquareRoot(embeddingSize: 0, warmupSteps: 1),
        .warmupInverseSquareRoot(embeddingSize: 1, warmupSteps: 0),
        .step(initial: 1, every: 0, factor: 1), .step(initial: .infinity, every: 1, factor: 1),
    ])
    func numbersThatGiveNoneAreRefused(_ schedule: LearningRateSchedule) {
        #expect(throws: TrainingError.self) { try schedule.check() }
    }

    @Test(arguments: [
        LearningRateSchedule.constant(0), .warmupCosine(peak: 1, warmupSteps: 0, totalSteps: 0),
        .warmupInverseSquareRoot(embeddingSize: 1, warmupSteps: 1), .step(initial: 1, every: 1, factor: 0.1),
    ])
    func theOthersAreNot(_ schedule: LearningRateSchedule) throws {
        try schedule.check()
        for step in 0..<10 { #expect(schedule.rate(at: step).isFinite) }
    }
}
