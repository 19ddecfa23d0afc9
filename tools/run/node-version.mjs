// @ts-check
/** Node versions that Vite, and so the build, runs on. */
const MINIMUM = { major: 20, minor: 19 };

/** Ends the process with a clear message on a Node that is too old. Written so that old versions can parse it. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > MINIMUM.major || (major === MINIMUM.major && minor >= MINIMUM.minor)) return;
  console.error(
    `WebMoE needs Node ${MINIMUM.major}.${MINIMUM.minor} or newer; this is Node ${process.versions.node}. See https://nodejs.org.`,
  );
  process.exit(1);
}
