import { OrcoError } from "../../kernel/errors.ts";

/** What a failed build shows of its output. */
const KEPT_LINES = 30;
const MAX_LINE_CHARS = 4096;
/** Podman's has no space and may have its stage in front: `[1/2] STEP 3/4: RUN make`. */
const STEP = /^(?:\[\d+\/\d+\] )?step (\d+)\/(\d+) ?: (.*)$/i;
const NO_SPACE = /no space left on device/i;

/** One message of docker's builder. */
export interface BuildMessage {
  readonly stream?: string;
  /** Of the pull of a base image. */
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

interface Step {
  readonly number: number;
  readonly of: number;
  readonly text: string;
}

export interface BuildOutputOptions {
  readonly service: string;
  readonly line: (line: string) => void;
  /** `building api (step 3/8)`. */
  readonly progress: (message: string) => void;
}

/** Reads what docker says while it builds: whole lines, the step it is at, the image in the end. */
export class BuildOutput {
  private rest = "";
  private readonly last: string[] = [];
  private step: Step | undefined;
  private image: string | undefined;

  constructor(private readonly options: BuildOutputOptions) {}

  /** Throws `build_failed` (facts: log, step), or `disk_full`. */
  take({ stream = "", status, id, error, aux }: BuildMessage): void {
    if (aux?.ID !== undefined) this.image = aux.ID;
    // Layers of a base image tell of each of their bytes.
    if (status !== undefined && id === undefined) this.line(status);
    const lines = (this.rest + stream).split(/\r?\n/);
    this.rest = lines.pop() ?? "";
    if (this.rest.length > MAX_LINE_CHARS) {
      lines.push(this.rest);
      this.rest = "";
    }
    for (const line of lines) this.line(line);
    if (error !== undefined) throw this.failure(error);
  }

  /** Id of the image. */
  end(): string {
    this.line(this.rest);
    if (this.image === undefined) throw this.failure("docker ended the build without an image");
    return this.image;
  }

  /** How the build ended, from what docker says of it. */
  failure(reason: string): OrcoError {
    const error = reason.trim();
    this.line(this.rest);
    this.rest = "";
    this.line(error);
    const { service } = this.options;
    const at = this.step && `at step ${this.step.number}/${this.step.of} (${this.step.text})`;
    const message = [`the build of ${service} failed`, at].filter(Boolean).join(" ");
    if (NO_SPACE.test(error))
      return new OrcoError("disk_full", `${message}: no space left; free some (docker system prune) and try again`, { service });
    const facts = { service, ...(this.step && { step: this.step.text }), log: [...this.last] };
    return new OrcoError("build_failed", `${message}: ${error}`, facts);
  }

  private line(text: string): void {
    const line = text.trimEnd().slice(0, MAX_LINE_CHARS);
    if (line === "") return;
    this.last.push(line);
    if (this.last.length > KEPT_LINES) this.last.shift();
    this.options.line(line);
    const [, number, of, instruction = ""] = STEP.exec(line) ?? [];
    if (number === undefined) return;
    this.step = { number: Number(number), of: Number(of), text: instruction };
    this.options.progress(`building ${this.options.service} (step ${number}/${of})`);
  }
}
