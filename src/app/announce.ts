/**
 * Screen readers get generated text in pieces worth hearing: whole sentences, or a stretch of words when a sentence
 * is long. Announcing token by token would interrupt itself several times a second.
 */

const SHORTEST = 60;
const LONGEST = 240;

/** Splits pending text into what to announce now and what to keep. */
export function takeAnnouncement(pending: string): { say: string; keep: string } {
  if (pending.length < SHORTEST) return { say: "", keep: pending };
  const sentenceEnd = lastMatchEnd(pending, /[.!?:]["'”’)]*\s|\n/g);
  if (sentenceEnd >= SHORTEST) return cut(pending, sentenceEnd);
  if (pending.length < LONGEST) return { say: "", keep: pending };
  const wordEnd = pending.lastIndexOf(" ") + 1;
  return cut(pending, wordEnd > 0 ? wordEnd : pending.length);
}

function cut(text: string, at: number): { say: string; keep: string } {
  return { say: text.slice(0, at), keep: text.slice(at) };
}

function lastMatchEnd(text: string, pattern: RegExp): number {
  let end = -1;
  for (const match of text.matchAll(pattern)) end = match.index + match[0].length;
  return end;
}

/** Speaks through `region`, a polite live region outside the text, which hears it in pieces worth hearing. */
export function createAnnouncer(region: HTMLElement) {
  let pending = "";

  function say(message: string): void {
    if (message === "") return;
    const line = document.createElement("p");
    line.textContent = message;
    region.append(line);
    // A live region speaks what is added; what was spoken need not pile up.
    while (region.childElementCount > 4) region.firstElementChild?.remove();
  }

  return {
    say,
    begin(): void {
      pending = "";
    },
    grow(piece: string): void {
      const { say: now, keep } = takeAnnouncement(pending + piece);
      pending = keep;
      say(now.trim());
    },
    end(message: string): void {
      say(`${pending} ${message}`.trim());
      pending = "";
    },
  };
}

export type Announcer = ReturnType<typeof createAnnouncer>;
