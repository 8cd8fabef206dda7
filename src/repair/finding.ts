/**
 * fix: a patch within the allow-list mends it. approve: a patch that somebody has to look at first. report: nothing a patch of the allowed files
 * mends. retry: the network or a registry was away; the same again may work (repair.md, "Catalogue": F, A, X).
 */
export type Verdict = "fix" | "approve" | "report" | "retry";

/** given: the logs of the request. build: a trial build. container: what the container said. state: what docker knows of the container. */
export type Source = "given" | "build" | "container" | "state";

/** The instruction of the Dockerfile at which a build failed. */
export interface FailingStep {
  /** As the builder prints it, e.g. `RUN pip install -r requirements.txt`. */
  readonly instruction: string;
  /** The stage's name, where the builder tells it (BuildKit). */
  readonly stage?: string;
  /** Counts from 1 over the whole file (classic builder) or within the stage (BuildKit). */
  readonly step?: number;
}

/** Lines as a person would read them: no escapes, no prefixes of BuildKit or compose. */
export interface EvidenceText {
  readonly source: Source;
  readonly lines: readonly string[];
  /** Number of the first of them in the whole, from 1. */
  readonly firstLine: number;
  readonly failing?: FailingStep;
}

/** What docker knows of a container, as far as it tells why it does not run (`docker inspect`, `.State`). */
export interface ContainerState {
  readonly status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Permission denied, executable not found, port taken: then the log is empty. */
  readonly error: string;
  readonly restartCount: number;
  /** Id of the image it was made of (`.Image`), where that is known. */
  readonly imageId?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health?: { readonly status: "none" | "starting" | "healthy" | "unhealthy"; readonly log: readonly HealthProbe[] };
}

export interface HealthProbe {
  readonly exitCode: number;
  readonly output: string;
}

export interface Evidence {
  /** The most telling first: given, build, container. */
  readonly texts: readonly EvidenceText[];
  readonly state?: ContainerState;
}

/** What is wrong, and how sure that is. On the wire as it is. */
export interface Finding {
  /** Number in the catalogue of repair.md; absent where a planner found it. */
  readonly entry?: number;
  /** Stable over attempts and line numbers, e.g. `python-module-missing:yaml`. */
  readonly signature: string;
  /** One sentence for a person. */
  readonly cause: string;
  /** The lines it was read from, each `source:line: text`. */
  readonly evidence: readonly string[];
  /** 0 to 1. */
  readonly confidence: number;
  readonly verdict: Verdict;
  /** What the patch does, or what a person should do; one sentence. */
  readonly remedy: string;
}

/** The whole new text of a file; the path is relative to the workspace, with `/`. */
export interface FileEdit {
  readonly path: string;
  readonly text: string;
}

/** Brings a lock file up to date with the tool of the image that will read it. Runs in a copy, never in the operator's tree. */
export interface ToolRun {
  /** Base image of the stage that uses the tool. */
  readonly image: string;
  readonly argv: readonly string[];
  /** Relative to the workspace. */
  readonly cwd: string;
  /** What is taken over from it, relative to the workspace; everything else it writes is not. */
  readonly writes: readonly string[];
  /** Edits that are made before it runs. */
  readonly edits: readonly FileEdit[];
}

export type Remedy = { readonly kind: "edits"; readonly edits: readonly FileEdit[] } | { readonly kind: "tool"; readonly run: ToolRun };

/** A finding, and what mends it. */
export interface Diagnosis {
  readonly finding: Finding;
  /** Of `fix` and `approve`. */
  readonly remedy?: Remedy;
}
