// The script for other pages: one file with a name that never changes, and no module, so that any page can take it.
import { defineConfig } from 'vite';

export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    lib: { entry: 'src/widget.ts', formats: ['iife'], name: 'HotlineWidget', fileName: () => 'widget.js' },
    target: 'es2020',
  },
});
