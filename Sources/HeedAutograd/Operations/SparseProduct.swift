import HeedTensor

extension SparseMatrix {
    /// Returns the product with a matrix: the sum over the neighbours in a graph.
    ///
    /// - Parameters:
    ///   - x: `[columnCount, width]`.
    ///   - transpose: The result of ``transposed()``, for the backward pass; nil to compute it.
    public func multiplied(by x: Variable, transpose: SparseMatrix? = nil) -> Variable {
        Variable.recorded(multiplied(by: x.value), from: x) { SparseProduct(self, transpose) }
    }
}

/// A product with a sparse matrix, `Y = A X`:   `dX = A^T dY`.
private final class SparseProduct: RecordedOperation {
    let matrix: SparseMatrix
    let transpose: SparseMatrix?

    init(_ matrix: SparseMatrix, _ transpose: SparseMatrix?) {
        (self.matrix, self.transpose) = (matrix, transpose)
        super.init("SparseMatrix.multiplied")
    }

    override func backward(_ pass: BackwardPass) {
        let gradient = pass.takeGradient()
        pass.add((transpose ?? matrix.transposed()).multiplied(by: gradient), toInput: 0)
    }
}
