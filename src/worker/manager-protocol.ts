import type { StorageState, StoredModelInfo, VerifyReport } from "../api/models.ts";
import type { CallId } from "./protocol.ts";

/** Bytes done of bytes in all. */
export type WireProgress = ((doneBytes: number, totalBytes: number) => void) | undefined;

/**
 * What a page asks of the worker about stored models: beside `EngineHost`, in a worker that may hold no model. Exports
 * are pulled chunk by chunk, so that a slow disk slows the reading.
 */
export interface ManagerHost {
  /** The folder of the library's wasm files, before the first other call. */
  useCode(wasmUrl: string): Promise<void>;
  listModels(): Promise<StoredModelInfo[]>;
  verifyModel(call: CallId, key: string, onProgress: WireProgress): Promise<VerifyReport>;
  repairModel(call: CallId, key: string, onProgress: WireProgress): Promise<VerifyReport>;
  deleteModel(key: string): Promise<void>;
  importModel(call: CallId, files: readonly Blob[], onProgress: WireProgress): Promise<StoredModelInfo>;
  startExport(
    call: CallId,
    key: string,
    file: number,
  ): Promise<{ readonly name: string; readonly byteLength: number }>;
  /** Undefined at the end. */
  nextChunk(call: CallId): Promise<Uint8Array<ArrayBuffer> | undefined>;
  storageState(): Promise<StorageState>;
  /** Ends a call, an export included; harmless when it has ended. */
  endCall(call: CallId): Promise<void>;
}
