import type { Model, Token, Trace } from "../../index.ts";
import { type RoutingPass, routingLog } from "./routing-log.ts";
import { count, emptyUsage, type Usage } from "./usage.ts";

/** Routing that may be kept for export; later passes are counted, but their bytes are not kept. */
const MOST_TRACE_BYTES = 64 * 1024 ** 2;

/** What a text belongs to: a conversation, which is kept, or a continued text, which is not. */
export interface Subject {
  readonly id: string;
  readonly title: string;
  readonly isKept: boolean;
}

/** A text being written or written, and where each of its tokens went. */
export interface RoutedText {
  readonly subject: Subject;
  /** Where the page shows it. */
  readonly element: HTMLElement;
  readonly ids: number[];
  /** Where each token's text ends in `written`. */
  readonly ends: number[];
  written: string;
  /** By token. The last token of a text is never computed, and those of a text that was cut off may not be again. */
  passes: (RoutingPass | undefined)[];
}

const FIRST_TOKEN = 8;

/** Passes by the token they computed: the first place where they are the text's own tokens in order. */
function placed({ ids, passes }: RoutedText): (RoutingPass | undefined)[] {
  const computed = passes.map((pass) => pass!.view.getUint32(FIRST_TOKEN, true));
  for (let first = 0; first < ids.length; first++) {
    const own = Math.min(computed.length, ids.length - first);
    // What was computed ahead of the text's end is not its own.
    if (computed.every((id, i) => i >= own || id === ids[first + i]))
      return [...new Array<undefined>(first), ...passes.slice(0, own)];
  }
  return [];
}

/** Records the routing of one model at a time, and gives it to the text that caused it. */
export function createRecording() {
  let trace: Promise<Trace | undefined> = Promise.resolve(undefined);
  let log = routingLog();
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let keptBytes = 0;
  let usage: Usage | undefined;
  let text: RoutedText | undefined;
  /** What was computed ahead for the text before comes first: the new one begins with its prompt. */
  let hasBegun = false;
  let reading: Promise<void> = Promise.resolve();

  function take(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length > 0 && keptBytes + bytes.length <= MOST_TRACE_BYTES) {
      chunks.push(bytes);
      keptBytes += bytes.length;
    } else if (bytes.length > 0) keptBytes = Number.POSITIVE_INFINITY;
    for (const pass of log.take(bytes)) {
      if (!pass.isDecode) hasBegun = true;
      else {
        if (usage) count(usage, pass);
        if (hasBegun) text?.passes.push(pass);
      }
    }
  }

  return {
    /** Begins with another model, or with none. */
    attach(model: Model | undefined): void {
      log = routingLog();
      chunks = [];
      keptBytes = 0;
      text = undefined;
      // A model that is gone may have left its last reader without an answer.
      reading = Promise.resolve();
      usage = model && emptyUsage(model.info.layerCount, model.info.expertCount);
      // A dense model has no routing to record; all else works.
      trace = model ? model.trace().catch(() => undefined) : Promise.resolve(undefined);
    },
    begin(subject: Subject, element: HTMLElement): void {
      hasBegun = false;
      text = { subject, element, ids: [], ends: [], written: "", passes: [] };
    },
    add(token: Token): void {
      if (!text) return;
      text.written += token.text;
      text.ids.push(token.id);
      text.ends.push(text.written.length);
    },
    /** Takes what was recorded since the last time. */
    read(): Promise<void> {
      const wanted = trace;
      reading = reading.then(async () => {
        const bytes = await (await wanted)?.read().catch(() => undefined);
        if (bytes && wanted === trace) take(bytes);
      });
      return reading;
    },
    /** The text has ended and all of its routing was read: what was computed ahead of it and not shown is not its own. */
    finish(): RoutedText | undefined {
      const ended = text;
      if (!ended) return undefined;
      ended.passes = placed(ended);
      text = undefined;
      return ended;
    },
    /** Use of the experts by generated tokens since the model was loaded. */
    usage: (): Usage | undefined => usage,
    /** Everything recorded, as a trace file; undefined while there is nothing. */
    trace: (): Blob | undefined => (chunks.length === 0 ? undefined : new Blob(chunks)),
  };
}
