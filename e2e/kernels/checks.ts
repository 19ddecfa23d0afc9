/** Every check by name. */
import { checkAhead } from "./ahead.ts";
import { checkRouters, checkSampler } from "./chains.ts";
import { countCommands } from "./commands.ts";
import { checkContext } from "./context.ts";
import { checkDeterminism } from "./determinism.ts";
import { checkFailures } from "./failures.ts";
import { checkOptions } from "./options.ts";
import { checkQuants } from "./quants.ts";
import { compareRoundedTwins, compareTwins } from "./twins.ts";

export const CHECKS = {
  compareTwins,
  compareRoundedTwins,
  checkDeterminism,
  checkContext,
  countCommands,
  checkAhead,
  checkRouters,
  checkSampler,
  checkFailures,
  checkOptions,
  checkQuants,
};

export type CheckName = keyof typeof CHECKS;
