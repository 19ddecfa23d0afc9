// What numbers matrix products read, and the scalar functions that the compiler turns into vectors.
//
// Matrix products read `Operand`s: bfloat16, or float in the build that gradients are checked in
// (TRAINER_FLOAT32). Their sums, and everything else, are float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

#ifdef TRAINER_FLOAT32
using Operand = float;
#else
using Operand = uint16_t;
#endif

// Two neighbours along the summed dimension: what one multiply-add instruction of bfloat16 takes in a lane.
struct Pair {
  Operand first, second;
};

inline float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

// Round to nearest, ties to even. Infinities survive; the trainer stops at the first loss that is not finite.
inline Operand toOperand(float value) {
#ifdef TRAINER_FLOAT32
  return value;
#else
  uint32_t bits = floatToBits(value);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
}

inline float toFloat(Operand value) {
#ifdef TRAINER_FLOAT32
  return value;
#else
  return bitsToFloat(static_cast<uint32_t>(value) << 16);
#endif
}

// e^x, relative error below 2e-7: 2^n times a Taylor polynomial on [-ln2/2, ln2/2]. Without branches, so that
// loops around it become vector code.
inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  float n = __builtin_rintf(x * 1.44269504088896341f);
  float r = x - n * 0.693145751953125f - n * 1.428606765330187e-6f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * bitsToFloat(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

inline float dot(const float* a, const float* b, int count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

inline void toOperands(const float* from, Operand* to, size_t count) {
#pragma omp simd
  for (size_t i = 0; i < count; ++i) to[i] = toOperand(from[i]);
}
