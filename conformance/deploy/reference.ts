/**
 * A second implementation of the document, as small as it can be, to try the suite on:
 * `reference.ts --repo DIR --contract FILE --home DIR --api-port N [--mutant NAME]`. A mutant breaks one behaviour (`reference/mutants.ts`).
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { parseArgs } from "node:util";
import { type Contract, Refusal } from "./reference/contract.ts";
import { isMutant } from "./reference/mutants.ts";
import { Orchestrator } from "./reference/orchestrator.ts";

const text = { type: "string", default: "" } as const;
const { values } = parseArgs({ options: { repo: text, contract: text, home: text, "api-port": text, mutant: text } });
if (values.mutant !== "" && !isMutant(values.mutant)) throw new Error(`there is no mutant ${values.mutant}`);

const contract = JSON.parse(readFileSync(values.contract, "utf8")) as Contract;
const { repo, home, mutant } = values;
const orchestrator = new Orchestrator({ repo, home, contract, is: (name) => name === mutant });

createServer((request, response) => {
  void answer(request).then(({ status, body }) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  });
}).listen(Number(values["api-port"]), "127.0.0.1");

async function answer(request: IncomingMessage): Promise<{ status: number; body: object }> {
  try {
    return { status: 200, body: await handle(request) };
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500;
    const body = { success: false, slot: null, commit: null, previous_commit: null, message: String(error) };
    return { status: mutant === "always-200" ? 200 : status, body };
  }
}

async function handle(request: IncomingMessage): Promise<object> {
  switch (`${request.method} ${request.url}`) {
    case "GET /status":
      return orchestrator.status();
    case "POST /rollback":
      return orchestrator.rollback();
    case "POST /deploy":
      return orchestrator.deploy((await bodyOf(request))["commit"]);
    default:
      throw new Refusal(404, "there are POST /deploy, POST /rollback and GET /status");
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Refusal(400, "the body is no JSON");
  }
}
