import type { HealthSpec } from "../../supervise/health.ts";
import type { Place } from "./field.ts";
import { expressionProblem } from "./expression.ts";
import type { DeclaredHealth, TimedCommand } from "./health-shape.ts";
import { launchText } from "./launch.ts";
import { patternProblem } from "./patterns.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";
import { shellCommand } from "./words.ts";

const DEFAULT_STATUS = [{ from: 200, to: 399 }];

/** The probes with their defaults; undefined when none is declared: such a service is ready when started. */
export function resolveHealth(declared: DeclaredHealth, node: Mapping, at: Place): HealthSpec | undefined {
  return new HealthResolver(declared, node, at).resolve();
}

class HealthResolver {
  constructor(
    private readonly declared: DeclaredHealth,
    private readonly node: Mapping,
    private readonly at: Place,
  ) {}

  resolve(): HealthSpec | undefined {
    const { declared } = this;
    const command = declared.command ?? declared.cmd;
    if (declared.command && declared.cmd) this.fail(["cmd"], "cmd is another name of command; declare one of them");
    const aliases = [declared.http && "http", declared.tcp && "tcp", command && "cmd", declared.log && "log"].filter(
      (alias) => alias !== undefined,
    );
    const probes = {
      ...this.http(),
      ...this.tcp(),
      ...(command?.command !== undefined && { command: commandProbe(command) }),
      ...this.log(),
    };
    this.checkExpression(new Set(aliases));
    if (aliases.length === 0) return undefined;
    return {
      gracePeriodMs: declared.gracePeriod ?? 0,
      intervalMs: declared.interval ?? 2000,
      timeoutMs: declared.timeout ?? 1000,
      failureThreshold: declared.failureThreshold ?? 3,
      successThreshold: declared.successThreshold ?? 1,
      ...probes,
      ...(declared.expression !== undefined && { expression: declared.expression }),
      onUnready: declared.onUnready ?? "restart",
    };
  }

  private http(): Pick<HealthSpec, "http"> {
    const { http } = this.declared;
    if (http?.url === undefined) return {};
    const { url, expectStatus = DEFAULT_STATUS, method = "GET", headers = {}, bodyPattern } = http;
    if (!isHttpUrl(url)) this.fail(["http", "url"], "expected a URL that starts with http:// or https://", "http://localhost:8080/health");
    if (!/^[A-Za-z]+$/.test(method)) this.fail(["http", "method"], `${JSON.stringify(method)} is no HTTP method`);
    this.checkPattern(["http", "bodyPattern"], bodyPattern);
    return { http: { url, expectStatus, method: method.toUpperCase(), headers, ...(bodyPattern !== undefined && { bodyPattern }) } };
  }

  private tcp(): Pick<HealthSpec, "tcp"> {
    const address = this.declared.tcp?.address;
    if (address === undefined) return {};
    if (!isAddress(address)) this.fail(["tcp", "address"], "expected host:port or [address]:port", "localhost:5432");
    return { tcp: { address } };
  }

  private log(): Pick<HealthSpec, "log"> {
    const { log } = this.declared;
    if (log?.pattern === undefined) return {};
    this.checkPattern(["log", "pattern"], log.pattern);
    return { log: { pattern: log.pattern, sources: log.sources ?? ["stdout", "stderr"], ...(log.levels && { levels: log.levels }) } };
  }

  private checkPattern(path: Path, pattern: string | undefined): void {
    const problem = pattern === undefined ? undefined : patternProblem(pattern);
    if (problem !== undefined) this.fail(path, `invalid regular expression: ${problem}`);
  }

  private checkExpression(aliases: ReadonlySet<string>): void {
    const { expression } = this.declared;
    if (expression === undefined) return;
    const problem = expressionProblem(expression, aliases);
    if (!problem) return;
    const scalar = nodeAt(this.node, ["expression"]);
    const opening = /["']/.test(scalar.file.text[scalar.start] ?? "") ? 1 : 0;
    const start = Math.min(scalar.start + opening + problem.at, scalar.end);
    this.at.report.add([...this.at.path, "expression"], { file: scalar.file, start, end: scalar.end }, { message: problem.message });
  }

  private fail(path: Path, message: string, hint?: string): void {
    this.at.report.add([...this.at.path, ...path], nodeAt(this.node, path), { message, hint });
  }
}

function commandProbe({ command = [], timeout }: TimedCommand): NonNullable<HealthSpec["command"]> {
  return { command: shellCommand(command), ...(timeout !== undefined && { timeoutMs: timeout }) };
}

/** Launch variables stand for something plausible while the shape is checked. */
function sample(text: string): string {
  return launchText(text, { PORT: "1", ORCO_STACK: "s", ORCO_SERVICE: "s", ORCO_REPLICA: "1", ORCO_INSTANCE: "i" });
}

function isHttpUrl(url: string): boolean {
  const shaped = sample(url);
  return /^https?:\/\//i.test(shaped) && URL.canParse(shaped);
}

function isAddress(address: string): boolean {
  const port = /^(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(sample(address))?.[1];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}
