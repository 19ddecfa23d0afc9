/** An element with words in it, and what is inside. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { className = "", text = "" }: { className?: string; text?: string } = {},
  ...children: readonly (Node | undefined)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** A button that says of what it is a button to those who hear it out of its place. */
export function button(label: string, of: string, act: () => void): HTMLButtonElement {
  const made = element("button", { text: label });
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${of}`);
  made.addEventListener("click", act);
  return made;
}
