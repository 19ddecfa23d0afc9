/** What a document looks like to the model: plain text, or turns between control tokens. */

export const END = "<|end|>";
export const USER = "<|user|>";
export const ASSISTANT = "<|assistant|>";

/** In order of their ids, which come first in the vocabulary. */
export const CONTROL_TOKENS = [END, USER, ASSISTANT] as const;

/** The same form in the language of `tokenizer.chat_template`. */
export const CHAT_TEMPLATE =
  "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ '<|assistant|>\\n' + m['content'] + '<|end|>' }}" +
  "{% else %}{{ '<|user|>\\n' + m['content'] + '\\n' }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** A text to learn: turns, or plain text as it stands. */
export interface Sample {
  readonly turns: readonly Turn[];
  readonly plain?: string;
}

export const plain = (text: string): Sample => ({ turns: [], plain: text });
export const answer = (question: string, text: string): Sample => ({
  turns: [{ question, answer: text }],
});

/** A part of a sample: text, or a control token. Text is never searched for control tokens. */
export type Piece = { readonly control: string } | { readonly text: string };

export function piecesOf({ turns, plain: text }: Sample): Piece[] {
  if (text !== undefined) return [{ text }, { control: END }];
  return turns.flatMap(({ question, answer: said }) => [
    { control: USER },
    { text: `\n${question}\n` },
    { control: ASSISTANT },
    { text: "\n" },
    { text: said },
    { control: END },
  ]);
}

/** A sample as a prompt has it, where control tokens are parsed. */
export const textOf = (sample: Sample): string =>
  piecesOf(sample)
    .map((piece) => ("control" in piece ? piece.control : piece.text))
    .join("");
