import type { renderMarkdown } from "./markdown.ts";

/** An answer is rendered anew this often while it is written, or so that it takes no more than this share of the time. */
const RENDER_MS = 200;
const RENDER_SHARE = 0.1;

let markdown: typeof renderMarkdown | undefined;
let loading: Promise<void> | undefined;

/** Gets the renderer; until it is there, and where it cannot be had, answers are shown as they were written. */
function loadMarkdown(): Promise<void> {
  loading ??= import("./markdown.ts").then(
    (module) => {
      markdown = module.renderMarkdown;
    },
    () => {
      loading = undefined;
    },
  );
  return loading;
}

/** A button beside each block of code that copies it. */
function addCopyButtons(body: HTMLElement): void {
  for (const block of body.querySelectorAll("pre")) {
    const code = block.textContent ?? "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy code");
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(code).then(
        () => true,
        () => false,
      );
      button.textContent = done ? "Copied" : "Not allowed";
      setTimeout(() => {
        button.textContent = "Copy";
      }, 2000);
    });
    // Long lines scroll inside the block: it must be reachable by keyboard.
    block.tabIndex = 0;
    const frame = document.createElement("div");
    frame.className = "code";
    block.replaceWith(frame);
    frame.append(block, button);
  }
}

/**
 * Shows one answer, growing or whole, inside `body`. Whatever changes its height is done within `around`, which may
 * keep the end in view.
 */
export function createAnswerView(body: HTMLElement, around: (change: () => void) => void) {
  let text = "";
  let pause = RENDER_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  body.dir = "auto";

  function change(): void {
    if (!markdown) {
      body.classList.add("as-written");
      body.textContent = text;
      return;
    }
    body.classList.remove("as-written");
    body.replaceChildren(markdown(text));
    addCopyButtons(body);
  }

  function render(): void {
    timer = undefined;
    const began = performance.now();
    around(change);
    pause = Math.max(RENDER_MS, (performance.now() - began) / RENDER_SHARE);
  }

  return {
    /** Shows the text so far, a little later. */
    grow(next: string): void {
      text = next;
      if (!markdown) void loadMarkdown();
      timer ??= setTimeout(render, pause);
    },
    /** Shows the whole text at once. */
    async settle(whole: string): Promise<void> {
      text = whole;
      clearTimeout(timer);
      render();
      if (markdown) return;
      await loadMarkdown();
      render();
    },
  };
}

export type AnswerView = ReturnType<typeof createAnswerView>;
