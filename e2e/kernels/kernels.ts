/** The page of `e2e/kernels.spec.ts`: every check by name, to be called from outside. */
import { checkRouters, checkSampler } from "./chains.ts";
import { countCommands } from "./commands.ts";
import { checkContext } from "./context.ts";
import { checkDeterminism } from "./determinism.ts";
import { checkFailures } from "./failures.ts";
import { checkOptions } from "./options.ts";
import { checkQuants } from "./quants.ts";
import { compareTwins } from "./twins.ts";

const CHECKS = {
  compareTwins,
  checkDeterminism,
  checkContext,
  countCommands,
  checkRouters,
  checkSampler,
  checkFailures,
  checkOptions,
  checkQuants,
};

export type { Finding } from "./harness.ts";
export type CheckName = keyof typeof CHECKS;

declare global {
  interface Window {
    checks?: typeof CHECKS;
  }
}

window.checks = CHECKS;
