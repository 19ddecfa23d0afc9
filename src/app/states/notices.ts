import { byId } from "../dom.ts";

/** Something the person should know, and what to do about it. */
export interface Notice {
  readonly headline: string;
  readonly advice: string;
  readonly action?: { readonly label: string; act(): void };
}

/** States of the device and the page in plain words: each shown once, until it passes or is dismissed. */
export function createNotices() {
  const area = byId("notices", HTMLElement);
  const shown = new Map<string, HTMLElement>();
  const dismissed = new Set<string>();

  function hide(id: string): void {
    shown.get(id)?.remove();
    shown.delete(id);
  }

  function show(id: string, { headline, advice, action }: Notice): void {
    if (shown.has(id) || dismissed.has(id)) return;
    const notice = document.createElement("div");
    notice.className = "notice";
    const words = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = headline;
    words.append(strong, ` ${advice}`);
    const buttons = document.createElement("div");
    buttons.className = "notice-actions";
    if (action) {
      const act = document.createElement("button");
      act.type = "button";
      act.textContent = action.label;
      act.addEventListener("click", () => action.act());
      buttons.append(act);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Dismiss";
    close.addEventListener("click", () => {
      dismissed.add(id);
      hide(id);
    });
    buttons.append(close);
    notice.append(words, buttons);
    shown.set(id, notice);
    area.append(notice);
  }

  return {
    /** Shows a notice while `isSo`, and takes it away when it passes. */
    set(id: string, isSo: boolean, notice: Notice): void {
      if (isSo) show(id, notice);
      else hide(id);
    },
  };
}

export type Notices = ReturnType<typeof createNotices>;
