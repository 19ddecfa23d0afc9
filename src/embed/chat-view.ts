import { createAnnouncer } from "../app/announce.ts";
import { type AnswerView, createAnswerView } from "../app/chat/answer-view.ts";

/** An element with a class for our styles and parts for the page's. */
function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  part: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  if (part) element.setAttribute("part", part);
  element.textContent = text;
  return element;
}

function makeButton(className: string, part: string, text: string, act?: () => void): HTMLButtonElement {
  const button = make("button", className, `button ${part}`, text);
  button.type = act ? "button" : "submit";
  if (act) button.addEventListener("click", act);
  return button;
}

interface ChatViewEvents {
  onStart(): void;
  onAsk(text: string): void;
  onStop(): void;
  onNew(): void;
}

/** What is shown: the offer to start, a model on its way, or a conversation. */
type Stage = "offer" | "loading" | "ready" | "answering";

/** The elements of a chat. What people write is text; what the model writes is Markdown made safe. */
export function createChatView(root: ShadowRoot, events: ChatViewEvents) {
  const frame = make("section", "frame", "frame");
  frame.setAttribute("aria-label", "Chat");
  frame.tabIndex = -1;
  const note = make("p", "quiet", "note");
  const start = makeButton("primary", "start", "Start the chat", events.onStart);
  const log = make("div", "log", "log");
  log.setAttribute("role", "log");
  // Announced in sentences, below.
  log.setAttribute("aria-live", "off");
  log.setAttribute("aria-label", "Conversation");
  // It scrolls, so the keyboard must reach it.
  log.tabIndex = 0;
  const status = make("p", "quiet", "status");
  status.setAttribute("role", "status");
  const progress = make("progress", "", "progress");
  progress.setAttribute("aria-label", "Model loading");
  const error = make("p", "error", "error");
  error.setAttribute("role", "alert");
  const form = make("form", "form", "form");
  const input = make("textarea", "", "input");
  input.rows = 2;
  input.setAttribute("aria-label", "Message");
  input.placeholder = "Write a message";
  const send = makeButton("primary", "send", "Send");
  const stop = makeButton("", "stop", "Stop", events.onStop);
  const again = makeButton("", "new", "New chat", events.onNew);
  form.append(input, send, stop, again);
  const spoken = make("div", "announcer", "");
  spoken.setAttribute("aria-live", "polite");
  const announcer = createAnnouncer(spoken);
  frame.append(note, start, log, progress, status, error, form, spoken);
  root.append(frame);

  let answer: AnswerView | undefined;

  function submit(): void {
    const text = input.value.trim();
    if (text === "" || send.disabled) return;
    input.value = "";
    events.onAsk(text);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener("keydown", (event) => {
    // Enter that ends a composition (Chinese, Japanese, …) belongs to the composition.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });

  /** Whoever reads the end goes on reading it; whoever has scrolled up stays there. */
  function keepingEnd(change: () => void): void {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    change();
    if (isAtEnd) log.scrollTo({ top: log.scrollHeight });
  }

  function append(role: "user" | "assistant"): HTMLElement {
    const message = make("article", `message of-${role}`, `message ${role}-message`);
    const body = make("div", "body", "message-body");
    message.append(make("p", "name", "message-name", role === "user" ? "You" : "Model"), body);
    log.append(message);
    log.scrollTo({ top: log.scrollHeight });
    return body;
  }

  return {
    show(stage: Stage): void {
      const talks = stage === "ready" || stage === "answering";
      const focused = root.activeElement;
      note.hidden = start.hidden = stage !== "offer";
      log.hidden = form.hidden = !talks;
      progress.hidden = stage !== "loading";
      send.hidden = again.hidden = stage === "answering";
      stop.hidden = stage !== "answering";
      send.disabled = stage !== "ready";
      // What had the focus, or kept it while the model was loading, gives it on.
      if (!focused || (focused !== frame && !focused.closest("[hidden]"))) return;
      const next = talks ? input : stage === "loading" ? frame : start;
      next.focus({ preventScroll: true });
    },
    offer(words: string, action: string): void {
      note.textContent = words;
      start.textContent = action;
    },
    status(words: string): void {
      status.textContent = words;
      status.hidden = words === "";
    },
    progress(loaded: number, total: number): void {
      progress.max = Math.max(1, total);
      progress.value = loaded;
    },
    error(words: string): void {
      error.hidden = words === "";
      error.textContent = words;
    },
    clear(): void {
      log.replaceChildren();
      spoken.replaceChildren();
    },
    ask(text: string): void {
      const body = append("user");
      body.classList.add("as-written");
      body.dir = "auto";
      body.textContent = text;
    },
    beginAnswer(): void {
      answer = createAnswerView(append("assistant"), keepingEnd);
      announcer.begin();
    },
    growAnswer(whole: string, piece: string): void {
      answer?.grow(whole);
      announcer.grow(piece);
    },
    async endAnswer(whole: string): Promise<void> {
      announcer.end("");
      await answer?.settle(whole);
      answer = undefined;
    },
  };
}
