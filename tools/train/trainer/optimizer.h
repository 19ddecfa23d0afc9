// Muon for the matrices of the hidden layers, each expert's for itself; AdamW for embedding, gains and
// routers.
//
// Muon (K. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/): the momentum's nearest orthogonal
// matrix, by five Newton-Schulz steps, so that every direction of a matrix learns at the same rate.
#pragma once

#include "gemm.h"
#include "parameters.h"

struct Rates {
  float muon = 0.03f;  // matrices
  float adam = 6e-3f;  // embedding, gains, and matrices where AdamW moves them
  float router = 1e-3f;
  float muonDecay = 0.1f, adamDecay = 0.1f, clip = 1.0f, momentum = 0.95f;

  Rates times(float factor) const {
    Rates rates = *this;
    rates.muon *= factor;
    rates.adam *= factor;
    rates.router *= factor;
    return rates;
  }
};

// Arithmetic scratch of one worker.
class Orthogonalizer {
 public:
  // The matrix [rows][columns] becomes about orthogonal: its singular values come near 1.
  void run(float* matrix, int rows, int columns) {
    const bool tall = rows > columns;
    const int m = std::min(rows, columns), n = std::max(rows, columns);
    const size_t size = static_cast<size_t>(m) * n, square = static_cast<size_t>(m) * m;
    x.resize(size), xOperands.resize(size), panels.resize(size / 2), gram.resize(square),
        gramSquared.resize(square), gramOperands.resize(square);
    double squares = 0;
    for (size_t i = 0; i < size; ++i) squares += static_cast<double>(matrix[i]) * matrix[i];
    const float scale = static_cast<float>(1.0 / (std::sqrt(squares) + 1e-12));
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c)
        x[tall ? c * rows + r : r * columns + c] = matrix[r * columns + c] * scale;
    for (int step = 0; step < 5; ++step) {
      // X ← a X + (b G + c G²) X with G = X Xᵀ.
      toOperands(x.data(), xOperands.data(), size);
      panelsByColumns(xOperands.data(), n, m, n, panels.data());
      gemm(false, m, m, n / 2, byRows(xOperands.data(), n), panels.data(), gram.data(), m);
      toOperands(gram.data(), gramOperands.data(), square);
      panelsByRows(gramOperands.data(), m, m, m, panels.data());
      gemm(false, m, m, m / 2, byRows(gramOperands.data(), m), panels.data(), gramSquared.data(), m);
#pragma omp simd
      for (size_t i = 0; i < square; ++i) gram[i] = -4.7750f * gram[i] + 2.0315f * gramSquared[i];
      toOperands(gram.data(), gramOperands.data(), square);
      panelsByRows(xOperands.data(), n, m, n, panels.data());
#pragma omp simd
      for (size_t i = 0; i < size; ++i) x[i] *= 3.4445f;
      gemm(true, m, n, m / 2, byRows(gramOperands.data(), m), panels.data(), x.data(), n);
    }
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) matrix[r * columns + c] = x[tall ? c * rows + r : r * columns + c];
  }

 private:
  Array<float> x, gram, gramSquared;
  Array<Operand> xOperands, gramOperands;
  Array<Pair> panels;
};

class Optimizer {
 public:
  // State, saved with the weights: first moments of all weights, second moments of those that AdamW moves.
  Array<float> first, second;

  Optimizer(const Layout& shape, int workers, bool matricesByAdam)
      : layout(shape), work(workers), squares(shape.tensors.size()) {
    first.assign(layout.size, 0.0f);
    size_t seconds = 0;
    std::vector<size_t> load(workers, 0);
    for (size_t t = 0; t < layout.tensors.size(); ++t) {
      const Tensor& tensor = layout.tensors[t];
      const bool muon = tensor.kind == Kind::matrix && !matricesByAdam;
      secondAt.push_back(muon ? NONE : seconds);
      if (!muon) seconds += tensor.size();
      const auto least = std::min_element(load.begin(), load.end());
      work[least - load.begin()].tensors.push_back(t);
      *least += tensor.size() * (muon ? 8 : 1);
    }
    second.assign(seconds, 0.0f);
  }

  // The gradients of all workers, summed in order into the first one's: this worker's share of the tensors.
  void sum(int worker, const std::vector<float*>& gradients) {
    for (size_t t : work[worker].tensors) {
      const Tensor& tensor = layout.tensors[t];
      float* total = gradients[0] + tensor.offset;
      for (size_t other = 1; other < gradients.size(); ++other) {
        float* part = gradients[other] + tensor.offset;
#pragma omp simd
        for (size_t i = 0; i < tensor.size(); ++i) total[i] += part[i];
        std::fill_n(part, tensor.size(), 0.0f);
      }
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (size_t i = 0; i < tensor.size(); ++i) sum += static_cast<double>(total[i]) * total[i];
      squares[t] = sum;
    }
  }

  // After all workers' `sum`.
  double gradientNorm() const {
    double sum = 0;
    for (double square : squares) sum += square;
    return std::sqrt(sum);
  }

  // Moves this worker's share of the weights and clears its gradients. `step` counts from 1.
  void update(int worker, int64_t step, const Rates& rates, double norm, float* gradients, float* weights) {
    const float clip = norm > rates.clip ? static_cast<float>(rates.clip / norm) : 1.0f;
    for (size_t t : work[worker].tensors) {
      const Tensor& tensor = layout.tensors[t];
      float *gradient = gradients + tensor.offset, *weight = weights + tensor.offset,
            *moment = &first[tensor.offset];
      const size_t size = tensor.size();
#pragma omp simd
      for (size_t i = 0; i < size; ++i) gradient[i] *= clip;
      if (secondAt[t] == NONE)
        muon(work[worker], tensor, rates, gradient, weight, moment);
      else
        adam(tensor, step, rates, gradient, weight, moment, &second[secondAt[t]]);
      std::fill_n(gradient, size, 0.0f);
    }
  }

 private:
  static constexpr size_t NONE = ~size_t(0);
  struct Work {
    std::vector<size_t> tensors;
    Orthogonalizer orthogonalizer;
  };
  const Layout& layout;
  std::vector<Work> work;
  std::vector<double> squares;
  std::vector<size_t> secondAt;

  static void muon(Work& work, const Tensor& tensor, const Rates& rates, float* gradient, float* weight,
                   float* moment) {
    const size_t size = tensor.size();
    const float beta = rates.momentum;
#pragma omp simd
    for (size_t i = 0; i < size; ++i) {
      moment[i] = beta * moment[i] + (1.0f - beta) * gradient[i];
      gradient[i] = beta * moment[i] + (1.0f - beta) * gradient[i];
    }
    work.orthogonalizer.run(gradient, tensor.rows, tensor.columns);
    const float rate =
        rates.muon *
        std::sqrt(std::max(1.0f, static_cast<float>(tensor.rows) / static_cast<float>(tensor.columns)));
    const float keep = 1.0f - rates.muon * rates.muonDecay;
#pragma omp simd
    for (size_t i = 0; i < size; ++i) weight[i] = weight[i] * keep - rate * gradient[i];
  }

  static void adam(const Tensor& tensor, int64_t step, const Rates& rates, const float* gradient,
                   float* weight, float* moment, float* square) {
    const float beta1 = 0.9f, beta2 = 0.95f;
    const float correct1 = 1.0f / (1.0f - static_cast<float>(std::pow(beta1, step)));
    const float correct2 = 1.0f / (1.0f - static_cast<float>(std::pow(beta2, step)));
    const float rate = tensor.kind == Kind::router ? rates.router : rates.adam;
    const float keep = tensor.kind == Kind::matrix ? 1.0f - rate * rates.adamDecay : 1.0f;
    const size_t size = tensor.size();
#pragma omp simd
    for (size_t i = 0; i < size; ++i) {
      moment[i] = beta1 * moment[i] + (1.0f - beta1) * gradient[i];
      square[i] = beta2 * square[i] + (1.0f - beta2) * gradient[i] * gradient[i];
      weight[i] =
          weight[i] * keep - rate * (moment[i] * correct1) / (std::sqrt(square[i] * correct2) + 1e-8f);
    }
  }
};
