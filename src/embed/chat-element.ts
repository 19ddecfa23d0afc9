import type { WebMoEError } from "../api/errors.ts";
import type { Message } from "../api/messages.ts";
import type { LoadProgress } from "../api/options.ts";
import css from "./chat.css?inline";
import { createChat } from "./chat.ts";

/** The details of a chat's events, which bubble and leave the shadow tree. */
export interface ChatEvents {
  "webmoe-progress": CustomEvent<LoadProgress>;
  /** A whole message: what the person sent, then what the model answered. */
  "webmoe-message": CustomEvent<Message>;
  "webmoe-error": CustomEvent<WebMoEError>;
}

/** `<webmoe-chat model system budget>`; what it contains is shown where this script cannot run. */
export interface WebMoEChatElement extends HTMLElement {
  addEventListener<K extends keyof ChatEvents>(
    type: K,
    listener: (event: ChatEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "webmoe-chat": WebMoEChatElement;
  }
}

let sheet: CSSStyleSheet | undefined;

/** One sheet for all chats of a page; made in script, it needs no permission of a style-src policy. */
function styles(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}

/** Defines the element, unless the page has it already. */
export function defineChatElement(): void {
  if (customElements.get("webmoe-chat")) return;

  class ChatElement extends HTMLElement {
    static readonly observedAttributes = ["model"];
    readonly #chat: ReturnType<typeof createChat>;
    #offered = false;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [styles()];
      const tell = <K extends keyof ChatEvents>(type: K, detail: ChatEvents[K]["detail"]): void =>
        void this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
      this.#chat = createChat(root, {
        attribute: (name) => this.getAttribute(name),
        onProgress: (progress) => tell("webmoe-progress", progress),
        onMessage: (message) => tell("webmoe-message", message),
        onError: (error) => tell("webmoe-error", error),
      });
    }

    connectedCallback(): void {
      if (this.#offered) return;
      this.#offered = true;
      void this.#chat.offer();
    }

    disconnectedCallback(): void {
      // One that is only moved is connected again before this runs.
      queueMicrotask(() => {
        if (this.isConnected) return;
        this.#offered = false;
        void this.#chat.close();
      });
    }

    attributeChangedCallback(_name: string, before: string | null, now: string | null): void {
      if (!this.#offered || before === now) return;
      void this.#chat.close();
      void this.#chat.offer();
    }
  }
  customElements.define("webmoe-chat", ChatElement);
}
