/** Messages as the token ids that a model reads. */
import { WebMoEError } from "../api/errors.ts";
import type { Message } from "../api/messages.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import { standIns } from "./stand-ins.ts";
import { type ChatTemplate, compileTemplate } from "./template.ts";

const ROLES: readonly string[] = ["system", "user", "assistant", "tool"];

export interface ChatPrompts {
  /** Whether the file brought a template. */
  readonly source: "file" | "none";
  /**
   * Ids of a conversation up to where the assistant speaks.
   *
   * Errors: `invalid-argument` for malformed messages or such as the template refuses, `bad-gguf` if it fails.
   */
  encode(messages: readonly Message[]): Uint32Array;
}

function checkMessages(messages: readonly Message[]): void {
  messages.forEach((message: Partial<Message> | null, index) => {
    const wrong = (what: string): WebMoEError =>
      new WebMoEError("invalid-argument", `messages[${index}] ${what}.`);
    if (typeof message !== "object" || message === null) throw wrong("is no message: give { role, content }");
    if (!ROLES.includes(message.role as string))
      throw wrong(`has the role ${JSON.stringify(message.role)}; there are ${ROLES.join(", ")}`);
    if (typeof message.content !== "string") throw wrong("has no content; give a string");
  });
}

/** Text that comes out of a rendering, and what was put in place of characters in it. */
interface Rendering {
  readonly ids: Uint32Array;
  readonly controlIds: readonly number[];
}

/**
 * Ids of messages through a template, so that a content can never become a special token, and is otherwise read to
 * the letter.
 *
 * The template decides by what contents say (it trims, looks for `</think>`, splits), so they cannot simply be marked.
 * Two renderings instead. In the **sealed** one, every character of a content, white space aside, that occurs in some special token has a
 * stand-in: all special tokens in it are the template's own. In the **plain** one only a special token spelt out in a
 * content loses its first character to a stand-in; any other content is as it was, and the text is the reference's.
 * Plain is taken if it has the same special tokens in the same order as sealed; if not, contents took part in making
 * one, and sealed is taken. Stand-ins are undone in the text between special tokens.
 */
function encodeWithTemplate(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly Message[],
  templateText: string,
): Uint32Array {
  const { controlTexts, bosId, eosId } = tokenizer;
  const textOf = (id: number | undefined): string => (id === undefined ? "" : tokenizer.textOf(id));
  const masks = standIns(controlTexts, [templateText, ...messages.map(({ content }) => content)]);
  if (!masks)
    throw new WebMoEError(
      "invalid-argument",
      "The messages use so many characters of the private use area that none is left to tell them from special tokens.",
    );
  const sealedContent = (content: string): string => masks.hide(content);
  const sealFirst = ([first = "", ...rest]: string): string => masks.hide(first) + rest.join("");
  const plainContent = (content: string): string =>
    controlTexts.reduce((text, token) => text.replaceAll(token, () => sealFirst(token)), content);
  const encodeContents = (change: (content: string) => string): Rendering => {
    const text = template.render({
      messages: messages.map(({ role, content }) => ({ role, content: change(content) })),
      bosToken: textOf(bosId),
      eosToken: textOf(eosId),
      addGenerationPrompt: true,
    });
    const ids = tokenizer.encode(text, { special: true, addBos: false, restore: masks.restore });
    return { ids, controlIds: Array.from(ids).filter(tokenizer.isControl) };
  };
  const sealed = encodeContents(sealedContent);
  const plain = encodeContents(plainContent);
  const agree =
    plain.controlIds.length === sealed.controlIds.length &&
    plain.controlIds.every((id, index) => id === sealed.controlIds[index]);
  return agree ? plain.ids : sealed.ids;
}

/**
 * How a model's conversations are written. Without a template the contents follow each other line by line, special
 * tokens in them being text. BOS comes first where the file asks for it and the template has not written it.
 */
export function chatPrompts(tokenizer: Tokenizer, templateText: string | undefined): ChatPrompts {
  // Compiled when first needed: a model with a broken template still continues texts.
  let template: ChatTemplate | undefined;
  return {
    source: templateText === undefined ? "none" : "file",
    encode(messages) {
      checkMessages(messages);
      const { bosId, addsBos } = tokenizer;
      const ids = (() => {
        if (templateText === undefined) {
          const text = messages.map(({ content }) => content).join("\n");
          return tokenizer.encode(text, { special: false, addBos: false });
        }
        template ??= compileTemplate(templateText);
        return encodeWithTemplate(template, tokenizer, messages, templateText);
      })();
      if (!addsBos || bosId === undefined || ids[0] === bosId) return ids;
      const begun = new Uint32Array(ids.length + 1);
      begun[0] = bosId;
      begun.set(ids, 1);
      return begun;
    },
  };
}
