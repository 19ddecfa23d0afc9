import plainUrl from "../../asm/compute/index.ts?asc";
import relaxedUrl from "../../asm/compute/index.ts?asc&relaxed";
import sharedUrl from "../../asm/compute/index.ts?asc&shared";
import sharedRelaxedUrl from "../../asm/compute/index.ts?asc&shared&relaxed";

/** One of the binaries of compute.wasm; all export the same functions. */
export interface ComputeBuild {
  /** For memory that threads share. */
  readonly shared: boolean;
  /** With the instructions of relaxed SIMD, which not every engine has. */
  readonly relaxed: boolean;
}

/** The name of a build's file in the package. */
export const computeFileName = ({ shared, relaxed }: ComputeBuild): string =>
  `compute${shared ? "-shared" : ""}${relaxed ? "-relaxed" : ""}.wasm`;

export function computeUrl({ shared, relaxed }: ComputeBuild): string {
  if (relaxed) return shared ? sharedRelaxedUrl : relaxedUrl;
  return shared ? sharedUrl : plainUrl;
}
