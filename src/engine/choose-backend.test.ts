import { describe, expect, it, vi } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import type { Backend } from "../backend/backend.ts";
import { tinyPlan } from "../backend/testing/plans.ts";
import { loadCore } from "../wasm/core.testing.ts";
import { chooseBackend } from "./choose-backend.ts";
import { nodePlatform } from "./node-platform.ts";
import type { Gpu, Platform } from "./platform.ts";

/** A platform whose GPU compiles `compile` while it is filled. */
function platformWith(compile: () => Promise<void>): Platform {
  const gpu: Gpu = {
    name: "fake",
    software: false,
    async createBackend({ fill }) {
      const backend = { numerics: { backend: "webgpu" } } as Backend;
      await Promise.all([compile(), fill(backend)]);
      return backend;
    },
  };
  return { ...nodePlatform(), requestGpu: async () => gpu };
}

const choose = async (platform: Platform, fill: (backend: Backend) => Promise<void>): Promise<Backend> =>
  chooseBackend(platform, {
    core: await loadCore(),
    // No self-test: this GPU computes nothing.
    proven: new Map([["fake", { plain: false }]]),
    choice: "auto",
    routing: "auto",
    plan: tinyPlan(),
    contextLength: 64,
    activations: "f32",
    threads: 1,
    fill,
    onCompile: () => undefined,
  });

describe("the automatic choice", () => {
  it("fills a GPU's backend while its pipelines compile", async () => {
    let compiled = (): void => undefined;
    const compiling = new Promise<void>((resolve) => {
      compiled = resolve;
    });
    const platform = platformWith(() => compiling);
    const backend = await choose(platform, async () => compiled());
    expect(backend.numerics.backend).toBe("webgpu");
  });

  it("fills the WASM backend where the GPU's does not compile", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const filled: string[] = [];
    const backend = await choose(
      platformWith(() => Promise.reject(new Error("no such instruction"))),
      async ({ numerics }) => void filled.push(numerics.backend),
    );
    expect(filled).toEqual(["webgpu", "wasm"]);
    backend.dispose();
  });

  it("does not take a failed download for a failed GPU", async () => {
    const fill = vi.fn(() => Promise.reject(new WebMoEError("network", "The server is gone.")));
    await expect(
      choose(
        platformWith(() => Promise.resolve()),
        fill,
      ),
    ).rejects.toThrow("The server is gone.");
    expect(fill).toHaveBeenCalledTimes(1);
  });
});
