import type { ModelSource } from "../index.ts";

/** A model the person chose, and how the page speaks of it. */
export interface ModelChoice {
  label: string;
  source: ModelSource;
  /** Access token for gated files on the Hub. */
  hubToken?: string;
}

/** A choice that cannot be tried at all; the message is for the person. */
export class ChoiceError extends Error {
  override readonly name = "ChoiceError";
}

/** The model shipped with the page, found beside it wherever the page is served. */
export function embeddedModel(pageUrl: string): ModelChoice {
  return {
    label: "demo-moe",
    source: new URL("models/demo-moe-q4_k.gguf", pageUrl).href,
  };
}

const SPLIT_NAME = /-(\d{5})-of-(\d{5})\.gguf$/i;
const MOST_PARTS = 1000;

/** A file's page on the Hugging Face Hub, as people copy it from the address bar, or the link to the file itself. */
const HUB_PAGE = /^\/([^/]+\/[^/]+)\/(?:blob|resolve)\/([^/]+)\/(.+)$/;

/** Addresses that the library takes as they are: files on the Hub, and models imported from files. */
const LIBRARY_ADDRESS = /^(hf|imported):/i;

/** The Hub's short form of a web address; undefined if it leads elsewhere. */
function hubAddressOf({ origin, pathname }: URL): string | undefined {
  if (origin !== "https://huggingface.co") return undefined;
  const [, repo, revision, path] = HUB_PAGE.exec(pathname) ?? [];
  if (repo === undefined) return undefined;
  return `hf:${repo}${revision === "main" ? "" : `@${revision}`}/${path}`;
}

/**
 * A typed address as a model: http(s), or `hf:org/repo/file.gguf`. Addresses of a split GGUF end in
 * `-00001-of-00003.gguf`: any one of them stands for all.
 *
 * Throws `ChoiceError` when the text is no such address.
 */
export function modelFromAddress(text: string, pageUrl: string): ModelChoice {
  const address = text.trim();
  if (address === "") throw new ChoiceError("Give the address of a GGUF file first.");
  if (LIBRARY_ADDRESS.test(address))
    return {
      label: decodeURIComponentSafely(address.slice(address.lastIndexOf("/") + 1)),
      source: address,
    };
  const url = URL.canParse(address, pageUrl) ? new URL(address, pageUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ChoiceError(
      `“${address}” is not a web address. Give one that starts with https:// or hf: and leads to a GGUF file.`,
    );
  }
  const label = decodeURIComponentSafely(url.pathname.split("/").at(-1) || url.host);
  const hub = hubAddressOf(url);
  if (hub !== undefined) return { label, source: hub };
  const split = SPLIT_NAME.exec(url.pathname);
  const count = Number(split?.[2] ?? 1);
  if (!split || count < 2 || count > MOST_PARTS) return { label, source: url.href };
  const parts = Array.from({ length: count }, (_, part) => {
    const number = String(part + 1).padStart(5, "0");
    const partUrl = new URL(url);
    partUrl.pathname = url.pathname.replace(SPLIT_NAME, `-${number}-of-${split[2]}.gguf`);
    return partUrl.href;
  });
  return { label, source: parts };
}

/** Picked or dropped files as a model. Throws `ChoiceError` when none of them is named like a GGUF file. */
export function modelFromFiles(files: readonly File[]): ModelChoice {
  const parts = files.filter((file) => /\.gguf$/i.test(file.name));
  const first = parts[0];
  if (!first) throw new ChoiceError("No GGUF file among these: its name ends in .gguf.");
  const label = parts.length === 1 ? first.name : `${first.name} and ${parts.length - 1} more`;
  return { label, source: parts.length === 1 ? first : parts };
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
