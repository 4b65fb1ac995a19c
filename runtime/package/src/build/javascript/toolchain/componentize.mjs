// From the modules of a plugin to a component: check the types, bundle, componentise.
//
//   node componentize.mjs SETTINGS    in the work folder of the build, which alone is written to
//
// Settings and report are files of JSON, because the componentizer writes to both streams. What an author has to know
// goes to the standard error, in lines that name file, line and column; the status is 1 then.

import childProcess from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import process from "node:process";

// The componentizer asks for the time and for a random name of a folder, and tells the program that runs the modules where
// that folder lies. All of it ends up in the component, and the same sources are to give the same bytes. So the clock
// stands still, the folder has always the same name, and its place is told from this folder on, which that program has as
// its root.
Date.now = () => 0;
Math.random = () => 0;
process.env.TMPDIR = process.cwd();
const { spawnSync } = childProcess;
childProcess.spawnSync = (program, given, options) => {
  const here = `${process.cwd()}/`;
  return spawnSync(
    program,
    given.filter((argument) => !argument.startsWith(`--dir=${here}`)),
    { ...options, input: options?.input?.replaceAll(here, "/") },
  );
};
syncBuiltinESMExports();

const BUNDLE = "bundle.js";
const COMPONENT = "component.wasm";
const REPORT = "report.json";

/** How the SDK's files name what the host serves, and how the bundle does. */
const HOST = /^#host\/([a-z0-9-]+)$/;
const hostInterface = (name) => `transfuse:plugin/${HOST.exec(name)[1]}@1.0.0`;

/** What a plugin imports the SDK by; the SDK's own files are known by this and their name. */
const SDK = "transfuse";

class Refused extends Error {}

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
try {
  const typed = settings.language === "typescript" ? await checkTypes() : [];
  const bundled = await bundle();
  await componentize();
  await writeFile(REPORT, JSON.stringify({ ...bundled, files: [...new Set([...bundled.files, ...typed])].sort() }));
} catch (error) {
  process.stderr.write(`${error instanceof Refused ? error.message : error.stack}\n`);
  process.exitCode = 1;
}

/** Gives the author's files that the types depend on; those of declarations are in no bundle. */
async function checkTypes() {
  const { default: typescript } = await import("typescript");
  const program = typescript.createProgram({
    rootNames: [settings.source, path.join(settings.sdk, "globals.d.ts")],
    options: compilerOptions(typescript),
  });
  const diagnostics = typescript.getPreEmitDiagnostics(program);
  if (diagnostics.length > 0) {
    const host = {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => settings.folder,
      getNewLine: () => "\n",
    };
    throw new Refused(typescript.formatDiagnostics(diagnostics, host).trim());
  }
  const files = program.getSourceFiles().map((file) => path.normalize(file.fileName));
  return files.filter((file) => isWithin(settings.folder, file));
}

/** What the author's own tsconfig.json says holds, but for what the build decides. */
function compilerOptions(typescript) {
  const usual = { lib: ["lib.es2022.d.ts"], strict: true, target: typescript.ScriptTarget.ES2022, types: [] };
  const file = path.join(settings.folder, "tsconfig.json");
  const read = typescript.sys.fileExists(file) ? typescript.readConfigFile(file, typescript.sys.readFile) : {};
  if (read.error) {
    throw new Refused(`tsconfig.json: ${typescript.flattenDiagnosticMessageText(read.error.messageText, "\n")}`);
  }
  const written = typescript.convertCompilerOptionsFromJson(read.config?.compilerOptions ?? {}, settings.folder);
  return {
    ...usual,
    ...written.options,
    allowImportingTsExtensions: true,
    module: typescript.ModuleKind.ESNext,
    moduleResolution: typescript.ModuleResolutionKind.Bundler,
    noEmit: true,
    paths: { ...written.options.paths, [SDK]: [path.join(settings.sdk, "transfuse.d.ts")] },
    skipLibCheck: true,
  };
}

/** One file of all modules, and after it where each of its lines came from. */
async function bundle() {
  const { build, formatMessages } = await import("esbuild");
  const options = {
    absWorkingDir: settings.folder,
    bundle: true,
    charset: "utf8",
    entryPoints: [settings.source],
    format: "esm",
    legalComments: "none",
    logLevel: "silent",
    mainFields: ["module", "main"],
    metafile: true,
    outfile: path.join(settings.folder, BUNDLE),
    platform: "neutral",
    plugins: [sdk()],
    sourcemap: "external",
    sourcesContent: false,
    target: "es2022",
    treeShaking: true,
    write: false,
  };
  const result = await build(options).catch(async ({ errors = [], message }) => {
    const told = await formatMessages(errors, { kind: "error" });
    throw new Refused(told.length > 0 ? told.join("\n").trim() : message);
  });
  const text = (name) => result.outputFiles.find((file) => file.path.endsWith(name)).text;
  const { mappings, sources } = JSON.parse(text(".map"));
  refuseWhatIsNotOffered(Object.values(result.metafile.outputs));
  const places = JSON.stringify({ files: sources, lines: placesOf(sources, mappings) });
  await writeFile(BUNDLE, `${text(BUNDLE)}globalThis[Symbol.for("transfuse.places")] = ${places};\n`);
  const inputs = Object.keys(result.metafile.inputs).filter((name) => !name.startsWith(`${SDK}:`));
  const files = inputs.map((name) => path.join(settings.folder, name));
  return { files, packages: await packages(files) };
}

/**
 * For each line of the bundle that came from the author, by its number: from which column on it is from which file, line and
 * column. Everything but the number of the file counts from one, as stacks do.
 */
function placesOf(sources, mappings) {
  const lines = {};
  let [file, row, col] = [0, 0, 0];
  for (const [index, segments] of mappings.split(";").entries()) {
    let at = 0;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [toColumn, toFile = 0, toRow = 0, toCol = 0] = numbers(segment);
      [at, file, row, col] = [at + toColumn, file + toFile, row + toRow, col + toCol];
      if (!sources[file].startsWith(`${SDK}:`)) {
        (lines[index + 1] ??= []).push([at + 1, file, row + 1, col + 1]);
      }
    }
  }
  return lines;
}

/** The numbers of a segment of a source map: five bits in each digit, a sixth where more follow, the sign in the last bit. */
function numbers(segment) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const all = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits < 32) {
      all.push(value & 1 ? -(value >> 1) : value >> 1);
      [value, shift] = [0, 0];
    }
  }
  return all;
}

/** Serves the SDK from the engine's own copy, whatever else is installed by its name. */
function sdk() {
  const own = (file) => ({ namespace: SDK, path: file, sideEffects: file === "sandbox.js" });
  return {
    name: SDK,
    setup(build) {
      build.onResolve({ filter: HOST, namespace: SDK }, ({ path }) => ({
        external: true,
        path: hostInterface(path),
        sideEffects: false,
      }));
      build.onResolve({ filter: /^#ambient$/, namespace: SDK }, () => own("sandbox.js"));
      build.onResolve({ filter: /^transfuse$/ }, () => own("transfuse.js"));
      build.onResolve({ filter: /^\.\//, namespace: SDK }, ({ path }) => own(path.slice(2)));
      build.onLoad({ filter: /.*/, namespace: SDK }, async ({ path: file }) => ({
        contents: await readFile(path.join(settings.sdk, "src", file), "utf8"),
        loader: "js",
      }));
    },
  };
}

function refuseWhatIsNotOffered(outputs) {
  const imports = outputs.flatMap((output) => output.imports ?? []).map((one) => one.path);
  for (const [, name] of imports.map((one) => /^transfuse:plugin\/([a-z0-9-]+)@/.exec(one) ?? [])) {
    if (name !== undefined && !settings.offered.includes(name)) {
      throw new Refused(
        `the sources use ${name}, and plugin.toml does not ask for that: name it in [requests], such as ` +
          (name === "tables" ? '`tables = ["lab-codes"]`' : `\`${name} = true\``),
      );
    }
  }
}

/** The packages whose files are in the bundle, with their versions. */
async function packages(files) {
  const found = new Map();
  for (const file of files) {
    const [, folder] = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(file) ?? [];
    if (folder !== undefined && !found.has(folder)) {
      const { name, version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
      found.set(folder, { name, version, license: typeof license === "string" ? license : null });
    }
  }
  return [...found.values()];
}

async function componentize() {
  const { componentize } = await import("@bytecodealliance/componentize-js");
  // Paths from here on: where this folder lies shall not be seen in the component.
  const { component } = await componentize({
    disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
    engine: settings.engine,
    sourcePath: BUNDLE,
    witPath: settings.wit,
    worldName: settings.world,
  }).catch((error) => {
    throw new Refused(explained(error.message));
  });
  await writeFile(COMPONENT, component);
}

/** What the componentizer says of its own insides is of no use to an author. */
function explained(message) {
  const stack = message.split("\n").filter((line) => !/^\s*(at |note: |\d+: )/.test(line));
  return stack.join("\n").trim();
}

function isWithin(folder, file) {
  const relative = path.relative(folder, file);
  return !relative.startsWith("..") && !path.isAbsolute(relative);
}
