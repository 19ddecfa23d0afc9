/** The URL of a compiled AssemblyScript module (tools/vite/asc.ts). */
declare module "*?asc" {
  const url: string;
  export default url;
}

/** The same sources, for memory that threads share. */
declare module "*?asc&shared" {
  const url: string;
  export default url;
}

/** The same sources, with relaxed SIMD. */
declare module "*?asc&relaxed" {
  const url: string;
  export default url;
}

declare module "*?asc&shared&relaxed" {
  const url: string;
  export default url;
}
