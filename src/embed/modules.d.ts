/** The text of a script with everything in it that the module imports (tools/build/script-text.ts). */
declare module "*?script" {
  const text: string;
  export default text;
}

/** A compiled AssemblyScript module, deflated, as base64 (tools/vite/asc.ts). */
declare module "*&inline" {
  const deflated: string;
  export default deflated;
}

declare module "*.css?inline" {
  const css: string;
  export default css;
}
