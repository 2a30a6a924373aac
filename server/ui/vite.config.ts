import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Packs every file that gains by it once, at the build; the server only hands it on. */
function packed(): Plugin {
  let folder = 'dist';
  return {
    name: 'packed',
    apply: 'build',
    configResolved(config) { folder = config.build.outDir; },
    closeBundle() {
      const walk = (within: string): string[] => readdirSync(within).flatMap((name) => {
        const path = join(within, name);
        return statSync(path).isDirectory() ? walk(path) : [path];
      });
      for (const file of walk(folder)) {
        if (!/\.(js|css|html|svg|json|webmanifest)$/.test(file)) continue;
        const raw = readFileSync(file);
        if (raw.length < 1024) continue;
        writeFileSync(`${file}.gz`, gzipSync(raw, { level: 9 }));
        writeFileSync(`${file}.br`, brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

// `npm run dev` serves the pages with reloading, and passes everything else to a running server.
const server = process.env.LEGATOR_SERVER ?? 'https://127.0.0.1:8443';
const pass = { target: server, secure: false, changeOrigin: true };

export default defineConfig({
  plugins: [react(), tailwind(), packed()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        // What changes rarely stays in the browser when a page changes.
        codeSplitting: {
          groups: [
            { name: 'code', test: /node_modules\/(@codemirror|@lezer|style-mod|crelt|w3c-keyname|@marijn)/ },
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler)\// },
            { name: 'radix', test: /node_modules\/(@radix-ui|radix-ui|@floating-ui|aria-hidden|react-remove-scroll)/ },
            { name: 'tanstack', test: /node_modules\/@tanstack/ },
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/docs', '/healthz', '/openapi.json', '/version'].map((path) => [path, pass])) },
  test: { environment: 'node', include: ['tests/**/*.test.{ts,tsx}'] },
} as Parameters<typeof defineConfig>[0]);
