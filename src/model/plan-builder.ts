import { type ModelFile, requireTensor, requireVector } from "./model-file.ts";
import type { TensorSpec, ValueId, ValueSpec } from "./plan.ts";

/** Collects what an architecture declares while it is being compiled. */
export interface PlanBuilder {
  readonly values: readonly ValueSpec[];
  /** Trunk tensors in file order. */
  trunk(): TensorSpec[];
  value(name: string, width: number, kind?: ValueSpec["kind"], rows?: ValueSpec["rows"]): ValueId;
  /** Declares a trunk matrix and returns its name. */
  matrix(name: string, rows: number, cols: number): string;
  vector(name: string, length: number): string;
}

export function planBuilder(file: ModelFile): PlanBuilder {
  const values: ValueSpec[] = [];
  const trunk = new Map<string, TensorSpec>();
  const declare = (spec: TensorSpec): string => {
    trunk.set(spec.name, spec);
    return spec.name;
  };
  return {
    values,
    trunk() {
      const place = (spec: TensorSpec): readonly [number, number] => {
        const tensor = file.tensors.get(spec.name)!;
        return [tensor.file, tensor.offset];
      };
      return [...trunk.values()].sort((a, b) => {
        const [fileA, offsetA] = place(a);
        const [fileB, offsetB] = place(b);
        return fileA - fileB || offsetA - offsetB;
      });
    },
    value: (name, width, kind = "scratch", rows = "batch") => values.push({ name, width, kind, rows }) - 1,
    matrix: (name, rows, cols) => declare(requireTensor(file, name, rows, cols)),
    vector: (name, length) => declare(requireVector(file, name, length)),
  };
}
