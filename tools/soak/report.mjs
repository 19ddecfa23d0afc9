// @ts-check
/** The table of a soak. */

/** @typedef {import("./judge.mjs").Trend} Trend */

/** A minus like the others in text. @param {number} bytes */
const mb = (bytes) => (bytes / 1e6).toFixed(2).replace("-", "−");

/** @param {Trend | undefined} trend */
const trendText = (trend) =>
  trend ? `${mb(trend.growth)} ± ${mb(trend.noise)}${trend.grows ? " **grows**" : ""}` : "too few to say";

/** @param {string} text @param {number} count */
const counted = (text, count) => `${count.toLocaleString("en-US")} ${text}`;

/** @param {ReturnType<import("./judge.mjs").judge>} judged @param {readonly import("./checks.mjs").Check[]} checks */
function conclusion({ verdicts, flat }, checks) {
  if (!checks.every(({ passed }) => passed)) return "Not as it must be";
  if (flat) return "Flat";
  return verdicts.some(({ across, within }) => across?.grows || within?.grows)
    ? "Not flat"
    : "Too short to say";
}

/**
 * @param {import("./soak.mjs").Course} course
 * @param {ReturnType<import("./judge.mjs").judge>} judged
 * @param {readonly import("./checks.mjs").Check[]} checks
 * @param {Awaited<ReturnType<typeof import("../../bench/machine.mjs").describeRun>>} run
 */
export function reportText(course, judged, checks, run) {
  const { seconds, looks, models, done } = course;
  const { numerics, threads } = models[0]?.info ?? {};
  const rows = judged.verdicts.map(
    ({ name, first, last, allowed, across, within }) =>
      `| ${[name, mb(first), mb(last), trendText(across), trendText(within), mb(allowed)].join(" | ")} |`,
  );
  const uses = Object.entries(done).map(([what, count]) => counted(what, count));
  return `# Soak

Written by \`${run.command}\`, ${run.date}, commit ${run.commit}. ${run.machine.processor}, ${run.machine.memory},
${run.machine.system}; ${run.versions.chromium}, Node ${run.versions.node}; load average ${run.loadAverage} as it began.

**${conclusion(judged, checks)}.** The embedded model at the least expert budget (one slot a layer), on
${numerics?.adapter}${threads === 1 ? "" : `, ${threads} threads`}, in one page for ${(seconds / 60).toFixed(0)} minutes: ${counted("models loaded one after the other from the store", models.length)},
${uses.join(", ")}; ${looks.length} samples.

| | first third, MB | last third, MB | growth across models, MB | growth within a model, MB | allowed, MB |
| --- | --- | --- | --- | --- | --- |
${rows.join("\n")}

Medians of samples taken between uses, after garbage collection. Growth is a least-squares slope times the soak's
length, warming up left out (the first third of the soak and of each model's life), with half its 95 % interval: across
models of their medians, within a model of all samples. Allowed are 2 % of the level or a floor; a level grows if noise,
which explains no more than the allowed once again, does not explain the rest ([judge.mjs](judge.mjs)).

| exactly | | |
| --- | --- | --- |
${checks.map((check) => `| ${check.name} | ${check.detail} | ${check.passed ? "yes" : "**NO**"} |`).join("\n")}
`;
}
