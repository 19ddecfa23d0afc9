import { expose } from "comlink";
import { expect, test } from "vitest";
import type { FileExport, StoreManager } from "../experts/manage/manager.ts";
import { managerInWorker } from "./manager-client.ts";
import { managerHost } from "./manager-host.ts";

/** Gives back files of three chunks. */
const store = {
  async export(): Promise<FileExport> {
    async function* bytes(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
      for (const byte of [1, 2, 3]) yield Uint8Array.of(byte);
    }
    return { name: "moe.gguf", byteLength: 3, bytes: bytes() };
  },
} as unknown as StoreManager;

/** A manager whose workers are message channels, and how many of them run. */
function managed() {
  let workers = 0;
  const start = (): Worker => {
    workers++;
    const { port1, port2 } = new MessageChannel();
    expose(
      managerHost(async () => store),
      port1,
    );
    const terminate = (): void => {
      workers--;
      port1.close();
      port2.close();
    };
    return Object.assign(port2, { terminate }) as unknown as Worker;
  };
  return { manager: managerInWorker(start, {}), workers: () => workers };
}

test("an export is read to its end in one worker, which closing ends", async () => {
  const { manager, workers } = managed();
  const { name, stream } = await manager.export("key");
  const chunks: number[] = [];
  for await (const chunk of stream) chunks.push(...chunk);
  expect({ name, chunks }).toEqual({ name: "moe.gguf", chunks: [1, 2, 3] });
  expect(workers()).toBe(1);
  await manager.close();
  expect(workers()).toBe(0);
});

test("an export that is read on after closing is aborted, and starts no worker", async () => {
  const { manager, workers } = managed();
  const { stream } = await manager.export("key");
  const reader = stream.getReader();
  await reader.read();
  // Until the next chunk waits in the stream, which then asks for none.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await manager.close();
  const rest = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  await expect(rest()).rejects.toMatchObject({ code: "aborted" });
  expect(workers()).toBe(0);
});
