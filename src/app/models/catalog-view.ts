import type { StoredModelInfo } from "../../index.ts";
import { formatBytes } from "../format.ts";
import { CATALOG } from "./catalog.ts";
import { button, element } from "./element.ts";
import { type Device, fitOf } from "./fit.ts";
import { storedFrom } from "./stored-source.ts";

/** Models that can be had: what they are, what they take, and whether they fit. Each button says what it will fetch. */
export function showCatalog(
  list: HTMLElement,
  device: Device,
  stored: readonly StoredModelInfo[],
  onUse: (address: string, name: string) => void,
): void {
  list.replaceChildren(
    ...CATALOG.map((entry) => {
      const known = storedFrom(entry.address, stored);
      const missing = Math.max(0, entry.fileBytes - (known?.storedBytes ?? 0));
      const { verdict, headline, reason } = fitOf(entry, device, known?.storedBytes);
      const label = known?.complete ? "Use" : `Fetch ${formatBytes(missing)} and use`;
      const use = button(label, entry.name, () => onUse(entry.address, entry.name));
      use.disabled = verdict === "too-large";
      const facts = [
        formatBytes(entry.fileBytes),
        `${entry.expertsPerToken} of ${entry.expertCount} experts a word`,
        entry.license,
      ].join(" · ");
      const page = element("a", { text: "Its page" });
      page.href = entry.sources[0]!;
      page.rel = "noreferrer";
      page.setAttribute("aria-label", `Page of ${entry.name} on the Hugging Face Hub`);
      return element(
        "li",
        { className: "model-card" },
        element("h3", { text: entry.name }),
        element("p", { className: "hint", text: `${entry.publisher}. ${entry.about}` }),
        element("p", { className: "card-facts", text: facts }),
        element(
          "p",
          { className: `fit of-${verdict}` },
          element("strong", { text: `${headline}.` }),
          document.createTextNode(` ${reason}`),
        ),
        element("div", { className: "card-actions" }, use, page),
      );
    }),
  );
}
