import type { ModelSource, StoredModelInfo } from "../../index.ts";

/** A repository, and a revision of it. */
const HUB = /^hf:(?:\/\/)?([^/]+\/[^/@]+)(@[^/]+)?\//i;

/** Addresses as the store spells them: with the revision that an address may leave to the Hub. */
function canonical(source: ModelSource): string {
  const addresses: readonly unknown[] = Array.isArray(source) ? source : [source];
  return addresses
    .map((address) => String(address).replace(HUB, (_, repo, at = "@main") => `hf:${repo}${at}/`))
    .join("\n");
}

/** The store's account of a model that came from here, unless it cannot be used again. */
export const storedFrom = (
  source: ModelSource,
  stored: readonly StoredModelInfo[],
): StoredModelInfo | undefined =>
  stored.find(
    (model) => !model.outdated && model.source !== undefined && canonical(model.source) === canonical(source),
  );
