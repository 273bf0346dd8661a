// The page itself. It is served below /call, with a policy that allows no inline script or style.
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/call/',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // An inlined asset would be refused by the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
});
