import { expect, test } from "vitest";
import { routingRecorder } from "./recorder.ts";
import { readTrace, type TraceHeader } from "./trace-format.ts";

/** Three layers, the second dense; ids need two bytes above 256 experts. */
const headerOf = (expertCount: number): TraceHeader => ({
  vocabSize: 5000,
  expertCount,
  expertsPerToken: 2,
  recordBytes: [300, 0, 200],
});

/** Weights of few bits survive as they are. */
const picks = (...ids: number[]) => ({
  ids: Uint32Array.from(ids),
  weights: Float32Array.from(ids, (_, i) => (i % 2 === 0 ? 0.75 : -0.25)),
});

/** Read once in between if told so: the pieces are one trace. */
function recorded(expertCount: number, isRead = false): Uint8Array<ArrayBuffer> {
  const recorder = routingRecorder(headerOf(expertCount));
  const pass = (phase: "prefill" | "decode", position: number, tokens: number[], ended = true): void => {
    recorder.beginPass(phase, position, Uint32Array.from(tokens));
    const ids = tokens.flatMap((token) => [token % expertCount, (token + 1) % expertCount]);
    recorder.layer(0, picks(...ids));
    recorder.layer(2, picks(...ids.reverse()));
    if (ended) recorder.endPass();
  };
  pass("prefill", 0, [1]);
  recorder.start(1000);
  pass("prefill", 0, [7, 4999]);
  pass("decode", 2, [300]);
  const read = isRead ? recorder.read() : new Uint8Array(0);
  pass("decode", 3, [301], false);
  pass("prefill", 0, [9]);
  return new Uint8Array([...read, ...recorder.stop()]);
}

test("a trace reads back as it was recorded: whole passes between start and stop, dense layers left out", () => {
  for (const expertCount of [16, 512]) {
    const trace = readTrace(recorded(expertCount));
    expect(readTrace(recorded(expertCount, true))).toEqual(trace);
    expect(trace).toMatchObject(headerOf(expertCount));
    expect(trace.passes.map(({ phase, position, tokens }) => [phase, position, ...tokens])).toEqual([
      ["prefill", 0, 7, 4999],
      ["decode", 2, 300],
      ["prefill", 0, 9],
    ]);
    const [first, second] = trace.passes;
    const [a, b] = [4999 % expertCount, 5000 % expertCount];
    expect(first!.layers).toEqual([picks(7, 8, a, b), undefined, picks(b, a, 8, 7)]);
    expect(second!.layers[0]).toEqual(picks(300 % expertCount, 301 % expertCount));
  }
});

test("reading makes room: what waits to be read counts against the limit, and a gap ends the trace", () => {
  const recorder = routingRecorder(headerOf(16));
  const decode = (position: number): void => {
    recorder.beginPass("decode", position, Uint32Array.of(1));
    for (const layer of [0, 2]) recorder.layer(layer, picks(1, 2));
    recorder.endPass();
  };
  recorder.start(36 + 24);
  decode(0);
  const first = recorder.read();
  for (const position of [1, 2, 3]) decode(position);
  const second = recorder.read();
  decode(4);
  const trace = readTrace(new Uint8Array([...first, ...second, ...recorder.stop()]));
  expect(trace.passes.map(({ position }) => position)).toEqual([0, 1, 2]);
});

test("a weight keeps eight bits and is rounded to the nearest", () => {
  const recorder = routingRecorder({ vocabSize: 1, expertCount: 3, expertsPerToken: 2, recordBytes: [1] });
  recorder.start(1000);
  recorder.beginPass("decode", 0, Uint32Array.of(0));
  recorder.layer(0, { ids: Uint32Array.of(2, 0), weights: Float32Array.of(0.7, 1e-3) });
  recorder.endPass();
  const { weights } = readTrace(recorder.stop()).passes[0]!.layers[0]!;
  expect(Math.abs(weights[0]! / 0.7 - 1)).toBeLessThan(1 / 256);
  expect(Math.abs(weights[1]! / 1e-3 - 1)).toBeLessThan(1 / 256);
});

test("a full trace ends at a whole pass, and starting twice or stopping nothing is refused", () => {
  const recorder = routingRecorder(headerOf(16));
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => recorder.stop()).toThrow(refused);
  expect(() => recorder.start(Number.NaN)).toThrow(refused);
  recorder.start(36 + 24 * 2 + 1);
  expect(() => recorder.start(1000)).toThrow(refused);
  for (let position = 0; position < 5; position++) {
    recorder.beginPass("decode", position, Uint32Array.of(1));
    recorder.layer(0, picks(1, 2));
    recorder.layer(2, picks(3, 4));
    recorder.endPass();
  }
  expect(readTrace(recorder.stop()).passes).toHaveLength(2);
  const dense = routingRecorder({ vocabSize: 1, expertCount: 0, expertsPerToken: 0, recordBytes: [0] });
  expect(() => dense.start(1000)).toThrow(refused);
});

test("a trace cut at any byte, or with any byte set to 255, is refused or read within its own bounds", () => {
  const whole = recorded(16);
  const starts = new Set([36, 36 + 40, 36 + 40 + 24]);
  expect(whole).toHaveLength(36 + 40 + 24 + 24);
  for (let length = 0; length < whole.length; length++)
    if (!starts.has(length))
      expect(() => readTrace(whole.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
  let refusals = 0;
  for (let at = 0; at < whole.length; at++) {
    const damaged = whole.slice();
    damaged[at] = 255;
    try {
      const { passes, expertCount } = readTrace(damaged);
      for (const { layers } of passes)
        for (const decisions of layers)
          for (const id of decisions?.ids ?? []) expect(id).toBeLessThan(expertCount);
    } catch (error) {
      refusals++;
      expect(error).toMatchObject({ name: "WebMoEError", code: "invalid-argument" });
    }
  }
  expect(refusals).toBeGreaterThan(30);
});
