/** Conversations of two to five turns, put together from single ones, so that a turn after others looks familiar. */
import type { Sample, Turn } from "./form.ts";
import { closingTurn, openingTurn } from "./greetings.ts";
import type { Choices } from "./random.ts";

/** A turn is at most this long, so that a conversation fits the context (characters). */
const LONGEST_TURN = 1100;

export function conversations(
  sources: readonly (readonly Sample[])[],
  count: number,
  random: Choices,
): Sample[] {
  const short = sources.map((samples) =>
    samples.flatMap(({ turns }) =>
      turns.length === 1 && turns[0]!.question.length + turns[0]!.answer.length < LONGEST_TURN
        ? [turns[0]!]
        : [],
    ),
  );
  return Array.from({ length: count }, () => {
    const turns: Turn[] = random.between(0, 2) > 0 ? [openingTurn(random)] : [];
    const middle = random.between(1, 3);
    for (let i = 0; i < middle; i++) turns.push(random.of(random.of(short)));
    if (turns.length === 1 || random.between(0, 1) === 0) turns.push(closingTurn(random));
    return { turns };
  });
}

/** Turns of a dialogue written as lines that begin with `User:` or `Assistant:`; undefined if it is not such a one. */
export function dialogueTurns(text: string): Sample | undefined {
  const lines = text.split(/\n(?=(?:User|Assistant): )/);
  const turns: Turn[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [question, said] = [lines[i]!, lines[i + 1]!];
    if (!question.startsWith("User: ") || !said.startsWith("Assistant: ")) return undefined;
    turns.push({ question: question.slice(6).trim(), answer: said.slice(11).trim() });
  }
  return turns.length > 0 ? { turns } : undefined;
}
