import { defineConfig } from "vitest/config";

// The built files are committed and embedded in the binary, so their names and their bytes depend on the sources alone.
export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: process.env.STUDIO_OUT ?? "../crates/maskwright-studio/page",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rollupOptions: {
      output: { entryFileNames: "app.js", assetFileNames: "app.[ext]", codeSplitting: false },
    },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
