/** Ties go to the even number. */
function roundToEven(x: number): number {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** What the int8 profile makes of rows: each 32 numbers become whole multiples of their largest magnitude / 127. */
export function roundRows(x: Float32Array): Float64Array {
  const rounded = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += 32) {
    const block = x.subarray(start, start + 32);
    const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.fround(largest / 127);
    const inverse = Math.fround(127 / largest);
    if (largest > 1e-30) {
      block.forEach((value, i) => {
        rounded[start + i] = scale * roundToEven(Math.fround(value * inverse));
      });
    }
  }
  return rounded;
}
