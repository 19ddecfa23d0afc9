/**
 * What a page's Content-Security-Policy keeps from us, in words that its author can act on. The browser tells a page
 * which directive blocked what, a little after the attempt has failed.
 */
import { WebMoEError } from "../api/errors.ts";

const AFTER_MS = 100;

const says = (needed: string): string => `This page's Content-Security-Policy must allow it: ${needed}.`;

/** Errors: `network` if the page's policy forbids WebAssembly, here and so in the worker. */
export function requireWasm(): void {
  try {
    // The shortest module there is: the magic number and a version.
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (cause) {
    throw new WebMoEError("network", `WebAssembly is blocked. ${says("script-src 'wasm-unsafe-eval'")}`, {
      cause,
    });
  }
}

/** Notes what the page's policy blocks from now on. */
export function watchPolicy() {
  const blocked: SecurityPolicyViolationEvent[] = [];
  const note = (event: SecurityPolicyViolationEvent): void => void blocked.push(event);
  document.addEventListener("securitypolicyviolation", note);
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, AFTER_MS));
  return {
    /** Why the worker could not start, if the policy is the reason. */
    async workerProblem(): Promise<string | undefined> {
      await settled();
      const found = blocked.some(
        ({ blockedURI, effectiveDirective }) =>
          blockedURI.startsWith("blob") && /^(worker|child|script)-src/.test(effectiveDirective),
      );
      return found ? `The chat's worker is blocked. ${says("worker-src blob:")}` : undefined;
    },
    /** Why an address could not be fetched, if the policy is the reason. */
    async fetchProblem(url: string): Promise<string | undefined> {
      await settled();
      const { origin } = new URL(url);
      const found = blocked.find(({ effectiveDirective }) => effectiveDirective === "connect-src");
      return found
        ? `The model's server is blocked. ${says(`connect-src ${origin}`)} It blocked ${found.blockedURI}.`
        : undefined;
    },
    stop: (): void => document.removeEventListener("securitypolicyviolation", note),
  };
}
