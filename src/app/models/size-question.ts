import { WebMoE } from "../../index.ts";
import { askDialog } from "../chat/ask-dialog.ts";
import { formatBytes } from "../format.ts";
import type { ModelChoice } from "../sources.ts";
import { storedFrom } from "./stored-source.ts";

/** Files up to this size start without a question. */
const LARGE_BYTES = 100e6;

/** The size is worth this long a wait, and no longer. */
const PATIENCE_MS = 10_000;

/** The web address of a file on the Hub, which redirects to its bytes; any other address as it is. */
function webAddress(address: string): string {
  const [, repo, revision = "main", path] =
    /^hf:(?:\/\/)?([^/]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/i.exec(address) ?? [];
  return repo === undefined ? address : `https://huggingface.co/${repo}/resolve/${revision}/${path}`;
}

/** Bytes of all files, as their servers say; undefined if one does not, or cannot be asked now. */
async function sizeOf({ source, hubToken }: ModelChoice): Promise<number | undefined> {
  const addresses = (Array.isArray(source) ? source : [source]).map((item) => webAddress(String(item)));
  const sizes = await Promise.all(
    addresses.map(async (url) => {
      if (!/^https?:/.test(url)) return undefined;
      const authorization =
        hubToken !== undefined && new URL(url).origin === "https://huggingface.co"
          ? { headers: { authorization: `Bearer ${hubToken}` } }
          : {};
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const answer = await fetch(url, { method: "HEAD", cache: "no-store", signal, ...authorization }).catch(
        () => undefined,
      );
      const length = answer?.ok ? Number(answer.headers.get("content-length") ?? Number.NaN) : Number.NaN;
      return Number.isFinite(length) ? length : undefined;
    }),
  );
  return sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
}

/** Whether files of so many bytes in all are here already: those at the address may be others by now. */
async function isStored({ source }: ModelChoice, bytes: number): Promise<boolean> {
  const manager = WebMoE.manageModels();
  try {
    const stored = storedFrom(source, await manager.list());
    const storedBytes = stored?.files.reduce((sum, file) => sum + file.bytes, 0);
    return stored?.complete === true && storedBytes === bytes;
  } catch {
    return false;
  } finally {
    void manager.close();
  }
}

/**
 * The bytes that a person should agree to before the model is fetched. Undefined if it is small, if all of it is
 * stored, or if it cannot be asked for now: then loading it fails with the reason, or finds it in the store.
 */
export async function sizeToAskFor(choice: ModelChoice): Promise<number | undefined> {
  const bytes = await sizeOf(choice);
  const isLarge = bytes !== undefined && bytes > LARGE_BYTES;
  return isLarge && !(await isStored(choice, bytes)) ? bytes : undefined;
}

/** Asks the person. */
export async function agreesToSize(choice: ModelChoice, bytes: number): Promise<boolean> {
  const question =
    `${choice.label} is ${formatBytes(bytes)}. Load it? It writes before all of that is here; the rest comes when needed, ` +
    "or when idle, as Settings say.";
  return (await askDialog(question, `Load ${formatBytes(bytes)}`)) !== undefined;
}
