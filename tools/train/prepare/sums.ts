/** Small sums and one-step word problems, made by rule. A sum is on one side of the split in all its wordings. */
import type { Part } from "./corpus.ts";
import { answer, type Sample } from "./form.ts";
import type { Choices } from "./random.ts";

interface Sum {
  readonly a: number;
  readonly b: number;
  readonly sign: "+" | "-" | "*" | "/";
  readonly result: number;
}

/** One in 20 is held out. */
const isHeldOut = ({ a, b, sign }: Sum): boolean =>
  (Math.imul(a * 1009 + b * 31 + sign.charCodeAt(0), 0x9e3779b1) >>> 8) % 20 === 0;

function anySum(random: Choices): Sum {
  const size = random.of([9, 20, 99, 99, 99, 999]);
  const a = random.between(0, size);
  const b = random.between(0, size);
  const kind = random.between(0, 9);
  if (kind < 4) return { a, b, sign: "+", result: a + b };
  if (kind < 7) return { a: Math.max(a, b), b: Math.min(a, b), sign: "-", result: Math.abs(a - b) };
  const x = random.between(0, 12);
  const y = random.between(1, 12);
  if (kind < 9) return { a: x, b: y, sign: "*", result: x * y };
  return { a: x * y, b: y, sign: "/", result: x };
}

const WORDS = { "+": "plus", "-": "minus", "*": "times", "/": "divided by" } as const;

function asked({ a, b, sign, result }: Sum, random: Choices): Sample {
  const sum = `${a} ${sign} ${b}`;
  const question = random.of([
    `What is ${sum}?`,
    `What is ${sum}?`,
    `What is ${a} ${WORDS[sign]} ${b}?`,
    `Calculate ${sum}.`,
    `How much is ${sum}?`,
    `${sum} = ?`,
    `${a}${sign}${b}`,
    `Can you work out ${sum}?`,
    `Solve: ${sum}`,
  ]);
  return answer(question, `${sum} = ${result}.`);
}

const NAMES = "Tom Lily Ben Mia Sam Anna Max Sue Tim Lucy Jack Emma Leo Sara Nina Paul".split(" ");
const THINGS =
  "apples balls books cookies stickers marbles flowers pencils shells cards coins eggs stars toys cakes oranges".split(
    " ",
  );

/** `one` of "apples" is "apple". */
const counted = (count: number, things: string): string =>
  `${count} ${count === 1 ? things.slice(0, -1) : things}`;

function story({ a, b, sign, result }: Sum, random: Choices): Sample {
  const name = random.of(NAMES);
  const other = random.of(NAMES.filter((candidate) => candidate !== name));
  const things = random.of(THINGS);
  const has = `${name} has ${counted(a, things)}`;
  const end = `So the answer is ${result}.`;
  if (sign === "+") {
    const more = random.of([
      `${has} and buys ${b} more. How many ${things} does ${name} have now?`,
      `${has}. ${other} gives ${name} ${b} more. How many ${things} does ${name} have now?`,
      `${has} and finds ${b} more. How many ${things} are there in all?`,
      `${has} and ${other} has ${counted(b, things)}. How many ${things} do they have together?`,
    ]);
    return answer(more, `${a} + ${b} = ${result}. ${end}`);
  }
  if (sign === "-") {
    const less = random.of([
      `${has} and gives ${b} to ${other}. How many ${things} does ${name} have left?`,
      `${has}. ${name} loses ${b} of them. How many ${things} are left?`,
      `There are ${counted(a, things)} on the table. ${name} takes ${b}. How many are left?`,
    ]);
    return answer(less, `${a} - ${b} = ${result}. ${end}`);
  }
  if (sign === "*") {
    return answer(
      `${name} has ${a} ${a === 1 ? "box" : "boxes"}. There are ${counted(b, things)} in each box. How many ${things} are there in all?`,
      `${a} * ${b} = ${result}. ${end}`,
    );
  }
  return answer(
    `${name} shares ${counted(a, things)} equally among ${b === 1 ? "1 friend" : `${b} friends`}. How many ${things} does each friend get?`,
    `${a} / ${b} = ${result}. ${end}`,
  );
}

export function sums(part: Part, count: number, random: Choices): Sample[] {
  const samples: Sample[] = [];
  while (samples.length < count) {
    const sum = anySum(random);
    if (isHeldOut(sum) !== (part === "heldout")) continue;
    samples.push(random.between(0, 2) === 0 ? story(sum, random) : asked(sum, random));
  }
  return samples;
}
