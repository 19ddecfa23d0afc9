import { WebMoEError } from "../api/errors.ts";
import type { Message } from "../api/messages.ts";
import type { Model } from "../api/model.ts";
import type { LoadProgress } from "../api/options.ts";
import { formatBytes } from "../app/format.ts";
import { parseBudget } from "./budget.ts";
import { createChatView } from "./chat-view.ts";
import { load } from "./load.ts";
import { modelBytes, readProblem } from "./server.ts";

/** What a chat asks of its element, and tells it. */
export interface ChatHost {
  attribute(name: "model" | "system" | "budget"): string | null;
  onProgress(progress: LoadProgress): void;
  onMessage(message: Message): void;
  onError(error: WebMoEError): void;
}

const WORDS: Readonly<Record<LoadProgress["phase"], string>> = {
  header: "Reading the model's header",
  trunk: "Loading the model",
  experts: "Loading the model",
  compile: "Preparing the GPU",
};

const asError = (error: unknown): WebMoEError =>
  error instanceof WebMoEError ? error : new WebMoEError("network", String(error), { cause: error });

/** One chat: offers itself with its size, loads when asked to, then answers. */
export function createChat(root: ShadowRoot, host: ChatHost) {
  let model: Model | undefined;
  let messages: Message[] = [];
  /** Ends whatever runs: asking for the size, loading, or an answer. */
  let running = new AbortController();

  const view = createChatView(root, {
    onStart: () => void start(),
    onAsk: (text) => void ask(text),
    onStop: () => running.abort(),
    onNew: begin,
  });

  function begin(): void {
    messages = [];
    view.clear();
    view.error("");
    view.show("ready");
  }

  function restart(): AbortSignal {
    running.abort();
    running = new AbortController();
    return running.signal;
  }

  function report(error: unknown): void {
    const known = asError(error);
    const message =
      known.code === "context-full"
        ? "The conversation is too long for this model. Begin a new one."
        : known.message;
    view.status("");
    view.error(message);
    host.onError(known);
  }

  function address(): string {
    const text = host.attribute("model") ?? "";
    // As it is: URL would take out `..` before anyone could refuse it.
    if (/^hf:/i.test(text)) return text;
    if (text.trim() !== "" && URL.canParse(text, document.baseURI))
      return new URL(text, document.baseURI).href;
    throw new WebMoEError(
      "invalid-argument",
      `webmoe-chat: the attribute "model" is "${text}"; it must be a URL, or hf:org/repo/file.gguf.`,
    );
  }

  /** Says what a click would download. Nothing is downloaded for that. */
  async function offer(): Promise<void> {
    const signal = restart();
    view.error("");
    view.status("");
    view.offer("A language model that runs on this device: what you write stays here.", "Start the chat");
    view.show("offer");
    try {
      const bytes = await modelBytes(address(), signal);
      if (signal.aborted) return;
      const size =
        bytes === undefined ? "Its size is not known." : `Up to ${formatBytes(bytes)} are downloaded, once.`;
      view.offer(
        `A language model that runs on this device: what you write stays here. ${size}`,
        bytes === undefined ? "Start the chat" : `Start the chat (${formatBytes(bytes)})`,
      );
    } catch (error) {
      if (!signal.aborted) report(error);
    }
  }

  function onProgress(progress: LoadProgress): void {
    const { phase, loadedBytes, totalBytes } = progress;
    view.progress(loadedBytes, totalBytes);
    view.status(WORDS[phase]);
    host.onProgress(progress);
  }

  async function start(): Promise<void> {
    const signal = restart();
    view.error("");
    view.show("loading");
    let source: string | undefined;
    try {
      const expertBudget = parseBudget(host.attribute("budget"));
      source = address();
      const loaded = await load(source, {
        signal,
        onProgress,
        ...(expertBudget !== undefined && { expertBudget }),
      });
      if (signal.aborted) return void loaded.dispose();
      model = loaded;
      view.status("");
      view.show("ready");
    } catch (error) {
      if (signal.aborted) return;
      // Asked only now: a stored model opens without its server.
      const clearer =
        source !== undefined && asError(error).code === "network"
          ? await readProblem(source, signal)
          : undefined;
      if (signal.aborted) return;
      report(clearer ?? error);
      view.show("offer");
    }
  }

  async function ask(text: string): Promise<void> {
    if (!model) return;
    const signal = restart();
    const question: Message = { role: "user", content: text };
    const system = host.attribute("system")?.trim();
    view.error("");
    view.ask(text);
    view.beginAnswer();
    view.show("answering");
    // Its own, should the chat be closed meanwhile.
    const conversation = messages;
    conversation.push(question);
    host.onMessage(question);
    let content = "";
    try {
      const before: Message[] = system ? [{ role: "system", content: system }] : [];
      for await (const token of model.generate([...before, ...conversation], { signal })) {
        content += token.text;
        view.growAnswer(content, token.text);
      }
    } catch (error) {
      // Stopping keeps what was said until then.
      if (!signal.aborted) report(error);
    }
    await view.endAnswer(content);
    if (conversation !== messages) return;
    if (content === "") conversation.pop();
    else {
      const answer: Message = { role: "assistant", content };
      conversation.push(answer);
      host.onMessage(answer);
    }
    view.show("ready");
  }

  return {
    offer,
    /** Frees the model and what was said; `offer` begins anew. */
    async close(): Promise<void> {
      running.abort();
      const loaded = model;
      model = undefined;
      messages = [];
      view.clear();
      await loaded?.dispose();
    },
  };
}
