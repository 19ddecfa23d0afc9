// Root-mean-square normalisation, and rotary positions on heads that were normalised.
#pragma once

#include "parameters.h"

// y = x / rms(x) * gain. Returns 1 / rms(x).
template <class Out>
inline float rmsNorm(const float* x, const float* gain, int width, float epsilon, Out* y) {
  const float scale = 1.0f / std::sqrt(dot(x, x, width) / static_cast<float>(width) + epsilon);
#pragma omp simd
  for (int i = 0; i < width; ++i) {
    const float value = x[i] * scale * gain[i];
    if constexpr (sizeof(Out) == sizeof(float))
      y[i] = value;
    else
      y[i] = toOperand(value);
  }
  return scale;
}

// Adds to `dx` and `dGain` what `dy` makes of them.
inline void rmsNormBackward(const float* dy, const float* x, const float* gain, float scale, int width,
                            float* dx, float* dGain) {
  float along = 0;
#pragma omp simd reduction(+ : along)
  for (int i = 0; i < width; ++i) along += dy[i] * gain[i] * x[i];
  along *= scale * scale / static_cast<float>(width);
#pragma omp simd
  for (int i = 0; i < width; ++i) {
    dx[i] += scale * (dy[i] * gain[i] - along * x[i]);
    dGain[i] += dy[i] * x[i] * scale;
  }
}

// Angles of NeoX's pairing: element i of a head turns with element i + headDim/2.
struct Rotary {
  int half;
  Array<float> cosines, sines;  // [context][half]

  explicit Rotary(const Config& config) : half(config.headDim / 2) {
    for (int position = 0; position < config.context; ++position)
      for (int i = 0; i < half; ++i) {
        const double angle = position * std::pow(config.ropeBase, -2.0 * i / config.headDim);
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
  }

  // `direction` -1 turns back, which is also the gradient.
  void turn(float* head, int position, float direction) const {
    const float *c = &cosines[position * half], *s = &sines[position * half];
#pragma omp simd
    for (int i = 0; i < half; ++i) {
      const float x = head[i], y = head[i + half], sine = direction * s[i];
      head[i] = x * c[i] - y * sine;
      head[i + half] = x * sine + y * c[i];
    }
  }
};
