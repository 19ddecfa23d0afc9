import { describe, expect, it } from "vitest";
import {
  type GenerateOptions,
  type LoadOptions,
  type Model,
  type ModelSource,
  WebMoEError,
} from "../index.ts";
import { createSession, type ModelRequest } from "./session.ts";

/** A library that records what happens to it; each load is settled by the test. */
function library() {
  const log: string[] = [];
  const loads: { options: LoadOptions; resolve(): void; reject(error: unknown): void }[] = [];

  function instance(name: string): Model {
    async function* generate(_prompt: unknown, options: GenerateOptions = {}) {
      for (let id = 0; ; id++) {
        await Promise.resolve();
        if (options.signal?.aborted) throw new WebMoEError("aborted", "stopped");
        if (name === "dying" && id === 1) throw new WebMoEError("device-lost", "gone");
        yield { id, text: `${name}${id} ` };
      }
    }
    return {
      generate,
      dispose: async () => void log.push(`dispose ${name}`),
    } as unknown as Model;
  }

  const open = (source: ModelSource, options: LoadOptions): Promise<Model> => {
    const name = String(source);
    log.push(`open ${name}`);
    return new Promise((resolve, reject) => {
      loads.push({ options, resolve: () => resolve(instance(name)), reject });
    });
  };
  const session = createSession(open, {
    onPhase: () => {},
    onProgress: ({ phase }) => void log.push(phase),
    onNotice: ({ kind }) => void log.push(kind),
    onModel: (model) => void log.push(model ? "show" : "hide"),
  });
  return { log, loads, session };
}

const request = (source: string, options: ModelRequest["options"] = {}): ModelRequest => ({
  source,
  options: { backend: "auto", completeInBackground: true, ...options },
});
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("session", () => {
  it("disposes of the old model before it opens the next", async () => {
    const { log, loads, session } = library();
    session.configure(request("a"));
    const first = session.load();
    await settled();
    loads[0]!.resolve();
    await first;
    session.configure(request("b"));
    void session.load();
    await settled();
    expect(log).toEqual(["open a", "show", "hide", "dispose a", "open b"]);
  });

  it("disposes of a model that arrives after another was chosen", async () => {
    const { log, loads, session } = library();
    session.configure(request("a"));
    void session.load();
    await settled();
    session.configure(request("b"));
    const second = session.load();
    await settled();
    expect(loads[0]!.options.signal?.aborted).toBe(true);
    loads[0]!.resolve();
    await settled();
    loads[1]!.resolve();
    expect(session.model).toBeUndefined();
    expect(await second).toBe(session.model);
    expect(log).toEqual(["open a", "hide", "dispose a", "open b", "show"]);
  });

  it("loads once for any number of requests, and anew after a failure", async () => {
    const { log, loads, session } = library();
    session.configure(request("a"));
    const [one, two] = [session.load(), session.load()];
    await settled();
    session.configure(request("a"));
    loads[0]!.reject(new WebMoEError("network", "no"));
    await expect(one).rejects.toMatchObject({ code: "network" });
    await expect(two).rejects.toMatchObject({ code: "network" });
    void session.load();
    await settled();
    expect(log).toEqual(["open a", "open a"]);
  });

  it("leaves the budget to the library unless one was chosen", async () => {
    const { loads, session } = library();
    session.configure(request("a"));
    void session.load();
    await settled();
    loads[0]!.resolve();
    session.configure(request("a", { expertBudget: "25%" }));
    void session.load();
    await settled();
    expect(loads.map(({ options }) => options.expertBudget)).toEqual([undefined, "25%"]);
  });

  it("hears no progress of a load that is over", async () => {
    const { log, loads, session } = library();
    session.configure(request("a"));
    const loading = session.load();
    await settled();
    const { onProgress } = loads[0]!.options;
    onProgress?.({ phase: "header", loadedBytes: 1, totalBytes: 1 });
    loads[0]!.resolve();
    await loading;
    onProgress?.({ phase: "trunk", loadedBytes: 1, totalBytes: 1 });
    expect(log).toEqual(["open a", "header", "show"]);
  });

  it("ends a stopped generation without an error and keeps the model", async () => {
    const { log, loads, session } = library();
    session.configure(request("a"));
    let text = "";
    const generation = session.generate(
      {},
      {
        onStart: async () => "x",
        onToken(token) {
          text += token.text;
          if (token.id === 2) session.stop();
        },
      },
    );
    await settled();
    loads[0]!.resolve();
    expect(await generation).toBeUndefined();
    expect(text).toBe("a0 a1 a2 ");
    expect(log).toEqual(["open a", "show"]);
  });

  it("lets go of a model whose device is lost, so that the next generation loads it anew", async () => {
    const { log, loads, session } = library();
    session.configure(request("dying"));
    const generation = session.generate({}, { onStart: async () => "x", onToken: () => {} });
    await settled();
    loads[0]!.resolve();
    await expect(generation).rejects.toMatchObject({ code: "device-lost" });
    void session.load();
    await settled();
    expect(log).toEqual(["open dying", "show", "hide", "dispose dying", "open dying"]);
  });
});
