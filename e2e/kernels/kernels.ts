/** The page of `e2e/kernels.spec.ts`: every check, to be called from outside. */
import { CHECKS } from "./checks.ts";

export type { CheckName } from "./checks.ts";
export type { Finding } from "./harness.ts";

declare global {
  interface Window {
    checks?: typeof CHECKS;
  }
}

window.checks = CHECKS;
