import { type CopyChange, CopyFiles } from "./copy/copy-files.ts";
import { baseImages } from "./copy/distributions.ts";
import { buildPlaces, snapshotOf } from "./copy/snapshot-of.ts";
import type { Tools } from "./copy/tools.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import { type Trial, tryBuild } from "./analyze-trial.ts";
import type { FileEdit, Remedy } from "./finding.ts";
import type { ServiceConfig } from "./project.ts";
import type { Distribution, ServiceSnapshot } from "./snapshot.ts";
import type { Copy, Target, Work } from "./target.ts";

export interface BenchOptions {
  readonly copy: Copy;
  readonly service: string;
  readonly workspace: string;
  readonly config: ServiceConfig;
  readonly target: Target;
  readonly tools: Tools;
  /** May a patch change the file? */
  readonly allow: (path: string) => boolean;
  readonly work: Work;
}

/** Takes back what was applied. */
export type Undo = () => Promise<void>;

/** The copy of a service, to look at, change and build. */
export class Bench {
  private readonly files: CopyFiles;
  private readonly distributions = new Map<string, Distribution>();

  constructor(private readonly options: BenchOptions) {
    this.files = new CopyFiles(options.copy);
  }

  trial(): Promise<Trial> {
    const { target, copy, work } = this.options;
    return tryBuild(target, copy, work);
  }

  /** Base images are on this machine once a build has begun: to be asked for after one. */
  async snapshot(): Promise<ServiceSnapshot> {
    const { copy, service, workspace, config, tools, work } = this.options;
    const picture = { service, workspace, config, distributions: this.distributions };
    const snapshot = await snapshotOf(copy, picture);
    for (const image of baseImages(snapshot.dockerfile?.text ?? "", snapshot.buildArgs)) {
      if (this.distributions.has(image)) continue;
      const found = await tools.distribution(image, work.signal);
      if (found) this.distributions.set(image, found);
    }
    return snapshot;
  }

  /** `refused`: it is not allowed. Undefined where it cannot be applied otherwise, or changes nothing. The reason is told. */
  async apply(remedy: Remedy): Promise<Undo | "refused" | undefined> {
    const edits = remedy.kind === "edits" ? remedy.edits : remedy.run.edits;
    const paths = [...new Set([...edits.map(({ path }) => path), ...(remedy.kind === "tool" ? remedy.run.writes : [])])];
    const refused = paths.filter((path) => !this.options.allow(path));
    if (refused.length > 0) this.tell(`not tried: a patch may not change ${refused.join(", ")}`);
    const kept = refused.length > 0 ? undefined : await this.kept(paths);
    if (!kept) return "refused";
    const undo = (): Promise<void> => this.files.restore(kept);
    try {
      if (await this.changes(remedy, edits)) return undo;
    } catch (error) {
      await undo();
      throw error;
    }
    await undo();
    return undefined;
  }

  /** Against the copy as it was made. */
  changed(): Promise<CopyChange[]> {
    return this.files.changes();
  }

  private async kept(paths: readonly string[]): Promise<ReadonlyMap<string, string | null> | undefined> {
    try {
      return await this.files.keep(paths);
    } catch (error) {
      if (error instanceof OrcoError && error.code === "patch_refused") return this.tell(`not tried: ${messageOf(error)}`);
      throw error;
    }
  }

  /** False: nothing is another than before, or the tool failed. */
  private async changes(remedy: Remedy, edits: readonly FileEdit[]): Promise<boolean> {
    const written = await this.write(edits);
    if (remedy.kind === "edits") return written || this.unchanged();
    const { copy, tools, work, workspace, config } = this.options;
    const directory = buildPlaces(workspace, config)?.directory ?? "";
    work.onLine(`running ${remedy.run.argv.join(" ")} in ${remedy.run.image}`);
    const { ok, message, writes } = await tools.run(remedy.run, copy, { ...work, directory });
    if (!ok) this.tell(`it failed: ${message}`);
    if (!ok) return false;
    const made = await this.write([...writes].map(([path, text]) => ({ path, text })));
    return written || made || this.unchanged();
  }

  private async write(edits: readonly FileEdit[]): Promise<boolean> {
    let hasChanged = false;
    for (const { path, text } of edits) {
      if ((await this.files.read(path)) === text) continue;
      await this.files.write(path, text);
      hasChanged = true;
    }
    return hasChanged;
  }

  private unchanged(): false {
    this.tell("not tried: it would change nothing");
    return false;
  }

  private tell(line: string): undefined {
    this.options.work.onLine(line);
    return undefined;
  }
}
