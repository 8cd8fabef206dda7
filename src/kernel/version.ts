import manifest from "../../package.json" with { type: "json" };

/** Of this program: the package's own. */
export const VERSION: string = manifest.version;
