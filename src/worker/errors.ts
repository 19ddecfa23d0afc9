import { type TransferHandler, transferHandlers } from "comlink";
import { type ErrorCode, WebMoEError } from "../api/errors.ts";

/** What comlink's own handler for thrown values takes and gives. */
interface Thrown {
  readonly value: unknown;
}
interface Coded {
  readonly webmoe: ErrorCode;
  readonly message: string;
  readonly stack: string | undefined;
}

const isCoded = (value: unknown): value is Coded =>
  typeof value === "object" && value !== null && "webmoe" in value;

/** Teaches comlink to carry a WebMoEError across with class and code; both ends call it once. */
export function carryErrors(): void {
  const original = transferHandlers.get("throw") as TransferHandler<unknown, unknown>;
  const handler: TransferHandler<unknown, unknown> = {
    canHandle: original.canHandle as (value: unknown) => value is unknown,
    serialize(thrown) {
      const { value } = thrown as Thrown;
      if (!(value instanceof WebMoEError)) return original.serialize(thrown);
      const coded: Coded = { webmoe: value.code, message: value.message, stack: value.stack };
      return [coded, []];
    },
    deserialize(carried) {
      if (!isCoded(carried)) return original.deserialize(carried);
      const error = new WebMoEError(carried.webmoe, carried.message);
      if (carried.stack !== undefined) error.stack = carried.stack;
      throw error;
    },
  };
  transferHandlers.set("throw", handler);
}
