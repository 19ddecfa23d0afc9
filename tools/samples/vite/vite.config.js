import { defineConfig } from "vite";

export default defineConfig({
  // Keeps the library as it is in the dev server, so that its worker is found beside it.
  optimizeDeps: { exclude: ["webmoe"] },
  worker: { format: "es" },
});
