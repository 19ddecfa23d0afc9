import type { PartDirectory, TensorLocation } from "../experts/parts.ts";
import type { ModelDescription } from "../model/model.ts";
import { fileBytesOf } from "../model/model-file.ts";
import type { TensorSpec } from "../model/plan.ts";

/** Where every part of a model lies: GGUF stacks the experts of a layer, so expert e is a range of each stack. */
export function partDirectory({ file, plan }: ModelDescription): PartDirectory {
  const locate = (spec: TensorSpec, index: number): TensorLocation => {
    const tensor = file.tensors.get(spec.name)!;
    return { spec, file: tensor.file, offset: tensor.offset + index * fileBytesOf(spec) };
  };
  return {
    trunk: plan.trunk.map((spec) => locate(spec, 0)),
    layerCount: plan.layers.length,
    expertCount: plan.hyperparameters.expertCount,
    record(layer, expert) {
      const moe = plan.layers[layer]?.moe;
      if (!moe || expert >= moe.router.expertCount) return undefined;
      const { gate, up, down } = moe.matrices;
      return {
        layer,
        expert,
        matrices: { gate: locate(gate, expert), up: locate(up, expert), down: locate(down, expert) },
      };
    },
  };
}
