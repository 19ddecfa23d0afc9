/** The URL of a compiled AssemblyScript module (tools/vite/asc.ts). */
declare module "*?asc" {
  const url: string;
  export default url;
}
