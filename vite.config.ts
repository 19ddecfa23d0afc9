import { fileURLToPath } from "node:url";
import type { UserConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { defineConfig } from "vitest/config";
import { leanShaders } from "./tools/build/lean-shaders.ts";
import { plainUrls } from "./tools/build/plain-urls.ts";
import { scriptText } from "./tools/build/script-text.ts";
import { ascPlugin } from "./tools/vite/asc.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Names without hashes: a library's files are addressed by its users, and versioned by its package. */
const plainNames = {
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  assetFileNames: "[name][extname]",
};

/** One of the library's two faces: `webmoe.js` with worker and wasm beside it, or `node.js`. */
function library(name: string, entry: string): UserConfig["build"] {
  return {
    target: "es2022",
    outDir: at("dist/lib"),
    emptyOutDir: false,
    copyPublicDir: false,
    sourcemap: true,
    lib: { entry: { [name]: at(entry) }, formats: ["es"] },
    rollupOptions: { external: [/^node:/], output: plainNames },
  };
}

/** The script-tag face, all in one file. */
function embed(name: string, entry: string, format: "es" | "iife"): UserConfig["build"] {
  return {
    target: "es2022",
    // Not lowered: `light-dark()` follows the colour scheme that the page gives the element, not the system's alone.
    cssTarget: "esnext",
    outDir: at("dist/embed"),
    emptyOutDir: false,
    copyPublicDir: false,
    minify: true,
    lib: { entry: { [name]: at(entry) }, formats: [format], name: "WebMoE" },
    rollupOptions: { output: { ...plainNames, codeSplitting: false } },
  };
}

const BUILDS: Readonly<Record<string, UserConfig["build"]>> = {
  site: { target: "es2022", outDir: at("dist"), emptyOutDir: true },
  lib: library("webmoe", "src/index.ts"),
  node: library("node", "src/node.ts"),
  embed: embed("webmoe-embed", "src/embed/index.ts", "es"),
  "embed-classic": embed("webmoe-embed.classic", "src/embed/classic.ts", "iife"),
};

/** The service worker and the web manifest, of the site alone. Models and pictures are never precached. */
const offline = () =>
  VitePWA({
    strategies: "injectManifest",
    srcDir: "src/app/offline",
    filename: "service-worker.ts",
    injectRegister: false,
    includeManifestIcons: false,
    injectManifest: {
      globPatterns: ["index.html", "favicon.svg", "assets/*.{js,css,wasm}"],
      maximumFileSizeToCacheInBytes: 4 << 20,
    },
    manifest: {
      name: "WebMoE",
      short_name: "WebMoE",
      description: "Mixture-of-Experts language models in a browser tab, expert by expert.",
      lang: "en",
      start_url: "./",
      scope: "./",
      display: "standalone",
      categories: ["productivity", "utilities"],
      theme_color: "#f7f6f3",
      background_color: "#f7f6f3",
      icons: [
        { src: "favicon.svg", sizes: "any", type: "image/svg+xml" },
        { src: "icons/icon-192.png", sizes: "192x192", type: "image/png" },
        { src: "icons/icon-512.png", sizes: "512x512", type: "image/png" },
        { src: "icons/maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
      ],
      screenshots: [
        { src: "screenshots/wide.png", sizes: "1280x800", type: "image/png", form_factor: "wide" },
        { src: "screenshots/narrow.png", sizes: "390x844", type: "image/png", form_factor: "narrow" },
      ],
    },
  });

export default defineConfig(({ mode }) => ({
  // Relative, so that the site works from any sub-path of any static server.
  base: "./",
  plugins: [ascPlugin(), leanShaders(), scriptText(), ...(mode === "site" ? [offline()] : [plainUrls()])],
  worker: {
    format: "es",
    plugins: () => [ascPlugin(), leanShaders(), ...(mode === "site" ? [] : [plainUrls()])],
    rollupOptions: {
      external: [/^node:/],
      ...(mode === "site" ? {} : { output: plainNames }),
    },
  },
  build: BUILDS[mode] ?? BUILDS.site,
  test: { include: ["{src,asm,tools,bench}/**/*.test.ts"], environment: "node", testTimeout: 30_000 },
}));
