/** The URL of a compiled AssemblyScript module (tools/vite/asc.ts). */
declare module "*?asc" {
  const url: string;
  export default url;
}

/** The same sources compiled for memory that threads share. */
declare module "*?asc&shared" {
  const url: string;
  export default url;
}
