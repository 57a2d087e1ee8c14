// Bundles the page once for each version of CopilotKit: dist/<version>.js and .css.
import { build } from "esbuild";

const FOLDER = import.meta.dirname;
const SOURCE = `${FOLDER}/src/`;
const VERSIONS = process.argv.length > 2 ? process.argv.slice(2) : ["1.10", "1.60", "1.74"];

/** What the source imports of `@copilotkit` is its version's react-ui, and the react-core that this one brings. */
const pinned = (version) => ({
  name: "pinned",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^@copilotkit\// }, ({ path, kind, importer }) => {
      if (!importer.startsWith(SOURCE)) return undefined;
      const ui = path.replace("@copilotkit/react-ui", `react-ui-${version}`);
      return resolve(ui, { kind, resolveDir: ui === path ? `${FOLDER}/node_modules/react-ui-${version}` : FOLDER });
    });
  },
});

await Promise.all(
  VERSIONS.map((version) =>
    build({
      entryPoints: [`${SOURCE}${version}.jsx`],
      outdir: `${FOLDER}/dist`,
      bundle: true,
      format: "esm",
      minify: true,
      jsx: "automatic",
      target: "es2022",
      logLevel: "warning",
      loader: { ".woff": "dataurl", ".woff2": "dataurl", ".ttf": "dataurl" },
      define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
      plugins: [pinned(version)],
    }),
  ),
);
